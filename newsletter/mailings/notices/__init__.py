"""Notices: mail to one person in reply to an action, sent through the same ledger as issues."""
