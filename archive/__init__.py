"""Everything received, decided, sent and reviewed; the only place where the processes meet."""
