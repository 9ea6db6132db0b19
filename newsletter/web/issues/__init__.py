"""The editor's pages: the list of issues, writing with its preview and preflight, the history."""
