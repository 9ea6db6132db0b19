"""Issues: the content model, its sources, drafts, checks, and library."""
