"""How an older database comes to the tables of schema.py."""
