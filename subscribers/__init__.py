"""People: consent, lists, segments, suppression, and what comes back from their mail servers."""
