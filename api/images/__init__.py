"""Stored objects as the viewer shows them: stored values, and tables that turn them into grey.

All of DICOM's grey scale semantics is computed here, by the definition that the model sees too
(`inference.grey_scale`); the browser only looks up, blends and moves. Knows no model.
"""
