"""Pages of mailings: audience and time, approval, test mails, progress, the archive."""
