"""Approvals: a second person approves an issue before it is sent; with comments and notices."""
