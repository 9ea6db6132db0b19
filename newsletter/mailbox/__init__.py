"""The local mailbox: an SMTP server that keeps what it is given, for demos and trials."""
