"""Sending an issue: the page, the order, test mails, approval."""

from __future__ import annotations

from newsletter.tokens import Pseudonyms
from newsletter.web.routing import Router
from newsletter.web.sending.approval import approval_router
from newsletter.web.sending.ordering import ordering_router
from newsletter.web.sending.page import SendingPage
from newsletter.web.sending.testing import testing_router


def sending_router(page: SendingPage, pseudonyms: Pseudonyms) -> Router:
    """Return all routes by which an issue is sent."""
    router = Router()
    router.include_router(ordering_router(page))
    router.include_router(testing_router(page, pseudonyms))
    router.include_router(approval_router(page))
    return router
