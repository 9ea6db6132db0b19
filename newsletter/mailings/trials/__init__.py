"""Trials of subjects (A/B tests): planning, decision by clicks, and its statistics."""
