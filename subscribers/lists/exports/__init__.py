"""Exports of a newsletter's subscribers to files."""
