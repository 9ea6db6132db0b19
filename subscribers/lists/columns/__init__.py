"""The meaning of a list's columns, and the interpretation of records."""
