"""Mailings and their ledger: who gets what, and what became of it."""
