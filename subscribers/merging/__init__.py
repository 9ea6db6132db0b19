"""Merging two people of a newsletter: the outcome is shown first, and then applied as shown."""
