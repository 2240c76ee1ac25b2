"""Talks DICOM: receives radiographs, sends reports; may import the archive and config, no more."""
