"""Lists of subscribers as files: read, checked, imported, exported."""
