"""DICOMweb: search, retrieve and store (PS3.18), as far as viewers and archives need it."""
