"""Turns a study into findings and reports; knows no network."""
