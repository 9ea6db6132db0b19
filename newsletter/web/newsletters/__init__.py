"""Newsletters: making one, and its settings."""
