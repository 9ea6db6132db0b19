"""Digests: mails with the issues since the last digest, for subscribers who chose them."""
