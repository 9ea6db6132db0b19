"""Newsletters: the publication, its settings, its sender's domain."""
