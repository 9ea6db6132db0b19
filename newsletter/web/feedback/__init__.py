"""Feedback: the bounce log, rates, incidents, and providers' webhooks."""
