"""Who is in which series, and because of what."""
