"""Receiving mail: a listener, and mailboxes by IMAP and POP3; each deletes only stored mail."""
