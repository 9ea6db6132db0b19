"""Approvals: asking a second person for their word, with comments and the mail about both."""
