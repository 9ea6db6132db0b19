"""Pages of newsletters: creation, settings, looks, templates, libraries and snippets."""
