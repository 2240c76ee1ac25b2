"""Talks DICOM: listener, intake, completeness, sender, delivery. Knows nothing of models."""
