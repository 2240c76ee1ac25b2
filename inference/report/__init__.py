"""Builds the DICOM objects that leave the house; refuses to build an invalid one."""
