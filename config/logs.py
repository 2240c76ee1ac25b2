"""Logs: one fixed message plus key=value fields, to standard error; never patient data.

`redact_patient_data` is the last processor before output: it drops every field that is not on the
list of fields known to be safe to show, so a careless call cannot leak a name. Unknown means drop.
"""
