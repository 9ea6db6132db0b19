"""Series: a sequence of issues that each reader gets with delays, after an event."""
