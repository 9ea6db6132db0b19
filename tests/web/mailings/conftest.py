"""The site that readers come to."""

from tests.web.subscribers.conftest import reception

__all__ = ["reception"]
