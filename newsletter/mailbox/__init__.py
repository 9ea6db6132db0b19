"""The local mailbox: an SMTP server that stores all received mail, for demos and trials."""
