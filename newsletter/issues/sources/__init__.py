"""Sources of issues: files in various encodings, the digest form, forms, the editor's JSON."""
