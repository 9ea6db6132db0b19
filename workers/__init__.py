"""Celery workers: the batch sender, its transports, and the schedule."""
