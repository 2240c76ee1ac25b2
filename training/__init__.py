"""Makes a model bundle from a folder of labelled radiographs; never sees the archive."""
