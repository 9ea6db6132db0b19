"""Pages for editors: the list of issues, the editor with preview and preflight, the history."""
