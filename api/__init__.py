"""The web process: pages, JSON and metrics around the archive.

Imports neither torch, monai nor pynetdicom, and holds no SQL: what needs a model is asked of the
worker through the archive.
"""
