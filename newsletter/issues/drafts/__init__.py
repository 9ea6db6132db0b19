"""Drafts: saving, merging, history, translations, and starting new ones."""
