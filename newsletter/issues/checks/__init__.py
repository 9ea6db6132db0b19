"""Preflight of content: what an editor should mend, with its place and a remedy."""
