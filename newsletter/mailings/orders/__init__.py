"""Orders: checking and sending an issue, and actions on its mailing."""
