"""Segments: a small query language over subscribers, which is compiled to SQL."""
