"""Home: what waits for whoever signed in, what goes out next, what went out last, and writing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.issues.drafts import Draft, list_drafts
from newsletter.issues.sent import sent_as
from newsletter.mailings.approval import returned_to, waiting_for
from newsletter.mailings.reports import list_past, list_upcoming
from newsletter.newsletters.publications import Newsletter, list_newsletters
from newsletter.operations.attention import (
    HaltedMailing,
    UnsettledMailing,
    halted_mailings,
    uncertain_mailings,
)
from newsletter.web.access import SignedInVisit, Visit
from newsletter.web.issues.draft_pages import last_view
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draft:
    newsletter: str
    draft: Draft


def home_router(engine: Engine, pages: Pages) -> Router:
    """Return the route of the first page."""
    router = Router()

    @router.get("/home")
    def home(visit: SignedInVisit, request: Request) -> HTMLResponse:
        if not visit.rights.grants:
            return pages.show_to(visit, request, "accounts/no_roles.html")
        with reading(engine) as session:
            rows = list_newsletters(session)
            seen = _where(visit, rows, Permission.SEE_MAILINGS)
            written = [row for row in rows if visit.rights.may(Permission.WRITE, row.id)]
            halted, uncertain = _unsettled(session, visit, rows)
            return pages.show_to(
                visit,
                request,
                "home.html",
                approvals=waiting_for(
                    session, visit.account_id, _where(visit, rows, Permission.APPROVE)
                ),
                returned=returned_to(session, visit.account_id),
                halted=halted,
                uncertain=uncertain,
                slugs={row.id: row.slug for row in rows},
                drafts=_drafts(session, written),
                upcoming=list_upcoming(session, seen, limit=_SHOWN),
                past=list_past(session, seen, limit=_SHOWN),
                written=written,
                view=last_view(request),
                may_create=visit.rights.may_everywhere(Permission.ADMINISTER),
                sees_mailings=bool(seen),
            )

    return router


def _where(visit: Visit, rows: Sequence[Newsletter], permission: Permission) -> Collection[int]:
    return [row.id for row in rows if visit.rights.may(permission, row.id)]


def _unsettled(
    session: Session, visit: Visit, rows: Sequence[Newsletter]
) -> tuple[list[HaltedMailing], list[UnsettledMailing]]:
    """Return what somebody may let go on, and what an operator must decide."""
    held = _where(visit, rows, Permission.HOLD)
    operated = _where(visit, rows, Permission.OPERATE)
    halted = [row for row in halted_mailings(session) if row.newsletter_id in held]
    uncertain = [row for row in uncertain_mailings(session) if row.newsletter_id in operated]
    return halted, uncertain


def _drafts(session: Session, written: Sequence[Newsletter]) -> list[_Draft]:
    """Return the drafts edited last that may still be written on."""
    found = [
        _Draft(newsletter=row.slug, draft=draft)
        for row in written
        for draft in list_drafts(session, row.id)[:_SHOWN]
    ]
    found.sort(key=lambda entry: entry.draft.saved_at, reverse=True)
    return [
        entry
        for entry in found
        if entry.draft.issue_id is None or not sent_as(session, entry.draft.issue_id)
    ][:_SHOWN]
