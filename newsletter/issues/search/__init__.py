"""Finding what issues say: an index of letters, and the search that uses it."""
