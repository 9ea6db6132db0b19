"""Drafts: saving them, and what a new one begins with."""
