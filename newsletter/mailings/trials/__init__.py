"""Trials of subjects: planned, decided by sums of clicks, and the statistics of it."""
