"""Segments: a small query language over subscribers, parsed, judged, compiled to SQL."""
