"""Fields of people: one definition for each group of newsletters, used by all interfaces."""
