"""Accounts of the staff: signing in, roles and permissions, and the audit log."""
