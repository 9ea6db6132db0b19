"""Sending an issue: the page, the order, test mails, approval, comments."""

from __future__ import annotations

from newsletter.tokens import Pseudonyms
from newsletter.web.mailings.approval import approval_router
from newsletter.web.mailings.comments import commenting_router
from newsletter.web.mailings.order import ordering_router
from newsletter.web.mailings.send_page import SendingPage
from newsletter.web.mailings.test_mails import testing_router
from newsletter.web.routing import Router


def sending_router(page: SendingPage, pseudonyms: Pseudonyms) -> Router:
    """Return all routes by which an issue is sent."""
    router = Router()
    router.include_router(ordering_router(page))
    router.include_router(testing_router(page, pseudonyms))
    router.include_router(approval_router(page))
    router.include_router(commenting_router(page))
    return router
