"""Digests: what came since the last one, for subscribers who chose not to get each issue."""
