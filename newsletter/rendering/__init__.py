"""Rendering: turn an issue and a template into HTML, plain text and a subject."""
