"""A reader who got a mailing, and what came back about it."""

from tests.feedback.conftest import post

__all__ = ["post"]
