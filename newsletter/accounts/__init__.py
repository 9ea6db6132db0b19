"""Accounts: who signs in, by what proof, what they may do, and what they did."""
