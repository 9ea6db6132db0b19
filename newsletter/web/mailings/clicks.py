"""Counted links: where a click is led on, and where an administrator says that clicks count."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine

from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.mailings.reports.clicks import follow
from newsletter.newsletters.actions import set_click_rule
from newsletter.tokens import TokenSigner
from newsletter.web.access import (
    Visit,
    doing,
    own,
)
from newsletter.web.routing import Router


def clicks_router(engine: Engine, signer: TokenSigner) -> Router:
    """Return the routes of counted links."""
    router = Router()

    @router.api_route("/r/{token}", methods=["GET", "HEAD"])
    def go_on(token: str, request: Request) -> RedirectResponse:
        """Lead on; nothing but a sum changes, and only when a page is really asked for."""
        looks_ahead = "prefetch" in request.headers.get("sec-purpose", "")
        if request.method == "HEAD" or looks_ahead:
            with reading(engine) as session:
                url = follow(session, signer, token, count=False)
        else:
            with transaction(engine) as session:
                url = follow(session, signer, token, count=True)
        return RedirectResponse(url, status_code=302)

    @router.post("/newsletters/{newsletter}/click-rule")
    def set_rule(
        newsletter: str,
        visit: Annotated[Visit, doing(Action.NEWSLETTER_CLICK_RULE)],
        issue_id: Annotated[int, Form()],
        counted: Annotated[str, Form(max_length=1)] = "",
    ) -> RedirectResponse:
        with transaction(engine) as session:
            set_click_rule(session, visit.actor, own(visit), counted=bool(counted))
        target = f"/newsletters/{newsletter}/issues/{issue_id}/send?done=rule"
        return RedirectResponse(target, status_code=303)

    return router
