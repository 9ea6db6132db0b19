"""What takes a message away: an SMTP relay, or a folder."""
