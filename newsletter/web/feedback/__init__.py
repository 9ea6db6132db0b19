"""Pages of feedback: the bounce log, rates, incidents, and the webhooks of providers."""
