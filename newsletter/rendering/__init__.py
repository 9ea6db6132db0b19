"""Rendering: an issue and a template become HTML, plain text and a subject."""
