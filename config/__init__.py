"""Settings and logs: the lowest room of the house; it imports nothing else of ours."""
