"""Subscribers: their own pages, and how operators find, import and export them."""
