"""Enrolments of people in series."""
