"""Pages of sending: audience and hour, approval, test mails, progress, the archive."""
