"""Ways in for mail: a listener, and mailboxes by IMAP and POP3; each forgets only what is kept."""
