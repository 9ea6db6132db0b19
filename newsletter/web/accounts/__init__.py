"""Pages of accounts: signing in, the own account, administration, the audit log."""
