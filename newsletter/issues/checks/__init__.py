"""Preflight of content: findings with place and remedy for the editor."""
