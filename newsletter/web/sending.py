"""Sending an issue: audience, preflight, test mail, approval, hour, and a last confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import record_event
from newsletter.accounts.tokens import new_token
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    IssueRow,
    MailingRow,
    NewsletterRow,
    TestGroupRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import MailingKind, MailingState, Role
from newsletter.delivery.approving import (
    approve,
    content_digest,
    demand_approval,
    find_approval,
    request_approval,
)
from newsletter.delivery.audience import audience_figure
from newsletter.delivery.clearance import check_stored
from newsletter.delivery.figures import Figures
from newsletter.delivery.mailings import publisher_of
from newsletter.delivery.ordering import Order, order_of, place_order
from newsletter.delivery.schedule import Schedule, first_hour, read_hour
from newsletter.delivery.trying import list_groups, read_addresses, save_group, send_test
from newsletter.errors import ConflictError, ForbiddenError, NewsletterError, NotFoundError
from newsletter.issues.findings import Severity
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms
from newsletter.web.access import AdministratorVisit, EditorVisit, SignedInVisit, Visit
from newsletter.web.pages import Pages
from subscribers.segments.saved import list_segments, segment_text

_Field = Annotated[str, Form(max_length=4000)]
_Asked = Annotated[str, Query(max_length=4000)]
_LONGEST_HOURS = 168


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What the form says, as it says it; a confirmation carries it along."""

    segment: str = ""
    when: str = "now"
    hour: str = ""
    everywhere: bool = False
    over: str = "0"

    def schedule(self) -> Schedule:
        """Return the hour chosen.

        Raises:
            ContentError: It is none.
            ConflictError: It would take less than nothing or more than a week.
        """
        try:
            over = float(self.over or 0)
        except ValueError:
            over = -1.0
        if not 0 <= over <= _LONGEST_HOURS:
            raise ConflictError(f"Spread it over 0 to {_LONGEST_HOURS} hours.")
        later = self.when == "later"
        return Schedule(
            hour=read_hour(self.hour) if later else None,
            everywhere=self.everywhere and later,
            spread=timedelta(hours=over),
        )


def sending_router(  # noqa: C901, PLR0915 - a list of routes
    settings: Settings, engine: Engine, figures: Figures, pseudonyms: Pseudonyms, pages: Pages
) -> APIRouter:
    """Return the routes by which an issue is sent."""
    router = APIRouter(prefix="/newsletters/{newsletter}")
    base = "/issues/{issue_id}/send"

    def _preflight(session: Session, issue: IssueRow, newsletter: NewsletterRow) -> Preflight:
        """Check what is shown; what is sent is checked once more, at that moment."""
        sender = (newsletter.template, newsletter.from_address, publisher_of(newsletter))
        key = ("preflight", issue.id, issue.version, *sender)
        return figures.of(
            session, key, lambda _session: check_stored(issue, newsletter, settings)
        ).value

    def _show(
        visit: Visit,
        request: Request,
        issue_id: int,
        *,
        status: int = 200,
        error: str = "",
        choice: Choice | None = None,
    ) -> HTMLResponse:
        choice = choice or Choice()
        with reading(engine) as session:
            newsletter, issue = _find(session, visit, issue_id)
            preflight = _preflight(session, issue, newsletter)
            digest = content_digest(newsletter, preflight.rendered) if preflight.rendered else ""
            approval = find_approval(session, issue.id, digest)
            return pages.show_to(
                visit,
                request,
                "sending.html",
                status=status,
                newsletter=newsletter,
                issue=issue,
                base=f"/newsletters/{newsletter.slug}{base.format(issue_id=issue.id)}",
                subject=_subject(preflight.rendered),
                preflight=preflight,
                errors=preflight.of(Severity.ERROR),
                warnings=preflight.of(Severity.WARNING),
                digest=digest,
                approval=approval,
                approval_people=_people(session, approval),
                segments=list_segments(session, newsletter.id),
                count=audience_figure(session, newsletter, "", figures),
                groups=list_groups(session, newsletter.id),
                earlier=_earlier(session, issue.id),
                choice=choice,
                error=error,
                said=request.query_params.get("said", ""),
                may_edit=visit.rights.allows(Role.EDITOR, newsletter.id),
                may_approve=visit.rights.allows(Role.APPROVER, newsletter.id),
                may_rule=visit.rights.allows(Role.ADMINISTRATOR, newsletter.id),
            )

    @router.get(base)
    def show_sending(issue_id: int, visit: SignedInVisit, request: Request) -> HTMLResponse:
        _demand_any(visit)
        return _show(visit, request, issue_id)

    @router.get(base + "/audience")
    def show_audience(
        issue_id: int, visit: SignedInVisit, request: Request, segment: _Asked = ""
    ) -> HTMLResponse:
        _demand_any(visit)
        with reading(engine) as session:
            newsletter, _ = _find(session, visit, issue_id)
            try:
                query = segment_text(session, newsletter.id, segment)
                count, error = audience_figure(session, newsletter, query, figures), ""
            except NewsletterError as wrong:
                count, error = None, str(wrong)
        return pages.show_to(visit, request, "_sending/audience.html", count=count, error=error)

    @router.get(base + "/confirm")
    def confirm(
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        segment: _Asked = "",
        when: _Asked = "now",
        hour: _Asked = "",
        everywhere: _Asked = "",
        over: _Asked = "0",
    ) -> HTMLResponse:
        choice = Choice(
            segment=segment, when=when, hour=hour, everywhere=bool(everywhere), over=over
        )
        try:
            with reading(engine) as session:
                newsletter, issue = _find(session, visit, issue_id)
                preflight = _preflight(session, issue, newsletter)
                if preflight.blocked or preflight.rendered is None:
                    raise ConflictError("Preflight found errors; mend them first.")
                digest = content_digest(newsletter, preflight.rendered)
                demand_approval(session, newsletter, issue, digest)
                schedule = choice.schedule()
                first = first_hour(session, newsletter, schedule)
                if first is not None and first <= now():
                    raise ConflictError("That hour has passed already.")
                query = segment_text(session, newsletter.id, segment)
                count = audience_figure(session, newsletter, query, figures)
                if not count.value.included:
                    raise ConflictError("Nobody would get it.")
                return pages.show_to(
                    visit,
                    request,
                    "sending_confirm.html",
                    newsletter=newsletter,
                    issue=issue,
                    base=f"/newsletters/{newsletter.slug}{base.format(issue_id=issue.id)}",
                    subject=_subject(preflight.rendered),
                    count=count,
                    choice=choice,
                    first=first,
                    schedule=schedule,
                    warnings=preflight.of(Severity.WARNING),
                    earlier=_earlier(session, issue.id),
                    digest=digest,
                    key=new_token(),
                )
        except NotFoundError:
            raise
        except NewsletterError as error:
            return _show(visit, request, issue_id, status=409, error=str(error), choice=choice)

    @router.post(base)
    def send(  # noqa: PLR0917 - the form's fields
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        key: _Field = "",
        digest: _Field = "",
        segment: _Field = "",
        when: _Field = "now",
        hour: _Field = "",
        everywhere: _Field = "",
        over: _Field = "0",
        warnings: _Field = "",
        again: _Field = "",
    ) -> Response:
        choice = Choice(
            segment=segment, when=when, hour=hour, everywhere=bool(everywhere), over=over
        )
        with reading(engine) as session:
            newsletter, issue = _find(session, visit, issue_id)
            query = segment_text(session, newsletter.id, segment)
            # The order's own mailing is no earlier one: a form sent twice is answered alike.
            earlier = [
                row for row in _earlier(session, issue.id) if row.id != order_of(session, key)
            ]
        try:
            preflight = check_stored(issue, newsletter, settings, ask_dns=False)
            if preflight.rendered is None or preflight.blocked:
                raise ConflictError("Preflight found errors; mend them first.")
            if preflight.of(Severity.WARNING) and not warnings:
                raise ConflictError(
                    "Preflight found warnings; say that it is to be sent with them."
                )
            if not 16 <= len(key) <= 64:  # noqa: PLR2004 - a token's length
                raise ConflictError("This form is out of date.", remedy="Begin again.")
            order = Order(key=key, digest=digest, segment=query, schedule=choice.schedule())
            if earlier and not again:
                raise ConflictError("It was sent before; say that it is to be sent again.")
            number = place_order(
                engine,
                visit.actor,
                newsletter.id,
                issue.id,
                preflight.rendered,
                order,
                batch_size=settings.batch_size,
            )
        except NewsletterError as error:
            return _show(visit, request, issue_id, status=409, error=str(error), choice=choice)
        return RedirectResponse(
            f"/newsletters/{newsletter.slug}/mailings/{number}", status_code=303
        )

    @router.post(base + "/test")
    def test_mail(
        issue_id: int, visit: EditorVisit, request: Request, group: _Field = ""
    ) -> Response:
        with reading(engine) as session:
            newsletter, issue = _find(session, visit, issue_id)
        try:
            preflight = check_stored(issue, newsletter, settings, ask_dns=False)
            if preflight.rendered is None:
                raise ConflictError("The issue cannot be rendered; see what preflight found.")
            with transaction(engine) as session:
                wanted = _addresses(session, newsletter.id, group, own=visit.address)
                send_test(
                    session,
                    visit.actor,
                    newsletter,
                    issue,
                    preflight.rendered,
                    read_addresses(wanted),
                    pseudonyms,
                )
        except NewsletterError as error:
            return _show(visit, request, issue_id, status=409, error=str(error))
        return _back(request, "test", cut="/test")

    @router.post(base + "/groups")
    def keep_group(
        issue_id: int,
        visit: EditorVisit,
        request: Request,
        name: _Field = "",
        addresses: _Field = "",
    ) -> Response:
        try:
            with transaction(engine) as session:
                newsletter, _ = _find(session, visit, issue_id)
                save_group(session, newsletter.id, name=name, addresses=addresses)
                record_event(
                    session,
                    visit.actor,
                    "test-group.save",
                    object=name,
                    newsletter_id=newsletter.id,
                )
        except NewsletterError as error:
            return _show(visit, request, issue_id, status=400, error=str(error))
        return _back(request, "group", cut="/groups")

    @router.post(base + "/approval")
    def ask_approval(
        issue_id: int, visit: EditorVisit, request: Request, digest: _Field = ""
    ) -> Response:
        with transaction(engine) as session:
            newsletter, issue = _find(session, visit, issue_id)
            rendered = check_stored(issue, newsletter, settings, ask_dns=False).rendered
            if rendered is not None and content_digest(newsletter, rendered) == digest:
                request_approval(session, visit.actor, issue, digest)
        return _back(request, "asked", cut="/approval")

    @router.post(base + "/approve")
    def give_approval(
        issue_id: int, visit: SignedInVisit, request: Request, digest: _Field = ""
    ) -> Response:
        if visit.newsletter_id is not None:
            visit.demand(Role.APPROVER, visit.newsletter_id)
        try:
            with transaction(engine) as session:
                _, issue = _find(session, visit, issue_id)
                approve(session, visit.actor, issue, digest)
        except ConflictError as error:
            return _show(visit, request, issue_id, status=409, error=str(error))
        return _back(request, "approved", cut="/approve")

    @router.post("/approval-rule")
    def set_rule(
        visit: AdministratorVisit, issue_id: Annotated[int, Form()], required: _Field = ""
    ) -> Response:
        with transaction(engine) as session:
            newsletter, issue = _find(session, visit, issue_id)
            newsletter.approval_required = bool(required)
            record_event(
                session,
                visit.actor,
                "newsletter.approval-rule",
                object=newsletter.slug,
                newsletter_id=newsletter.id,
                details={"required": bool(required)},
            )
            target = f"/newsletters/{newsletter.slug}/issues/{issue.id}/send?said=rule"
        return RedirectResponse(target, status_code=303)

    return router


def _demand_any(visit: Visit) -> None:
    roles = (Role.EDITOR, Role.APPROVER, Role.OPERATOR)
    if not any(visit.rights.allows(role, visit.newsletter_id) for role in roles):
        raise ForbiddenError("Your roles do not reach that far.")


def _find(session: Session, visit: Visit, issue_id: int) -> tuple[NewsletterRow, IssueRow]:
    issue = session.get(IssueRow, issue_id)
    if issue is None or issue.newsletter_id != visit.newsletter_id:
        raise NotFoundError("There is no such issue.")
    return session.get_one(NewsletterRow, issue.newsletter_id), issue


def _subject(rendered: RenderedIssue | None) -> str:
    parts = rendered.subject if rendered else ()
    return "".join(part if isinstance(part, str) else "…" for part in parts)


def _people(session: Session, approval: ApprovalRow | None) -> dict[int, str]:
    if approval is None:
        return {}
    numbers = [number for number in (approval.requested_by, approval.approved_by) if number]
    rows = session.scalars(select(AccountRow).where(AccountRow.id.in_(numbers)))
    return {row.id: row.name or row.address for row in rows}


def _earlier(session: Session, issue_id: int) -> list[MailingRow]:
    return list(
        session.scalars(
            select(MailingRow)
            .where(
                MailingRow.issue_id == issue_id,
                MailingRow.kind == MailingKind.ISSUE,
                MailingRow.state != MailingState.CANCELLED,
            )
            .order_by(MailingRow.id.desc())
        )
    )


def _addresses(session: Session, newsletter_id: int, group: str, *, own: str) -> str:
    if not group:
        return own
    row = session.get(TestGroupRow, int(group)) if group.isdecimal() else None
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError("There is no such group.")
    return row.addresses


def _back(request: Request, said: str, *, cut: str) -> Response:
    return RedirectResponse(f"{request.url.path.removesuffix(cut)}?said={said}", status_code=303)
