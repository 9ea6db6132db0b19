"""Fields: what a group of newsletters keeps of its people, one definition for every door."""
