"""Accounts: sign-in, one's own account, administration, the audit log."""
