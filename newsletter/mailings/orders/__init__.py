"""Orders: from a draft that is ready to a mailing, and what is done to it under way."""
