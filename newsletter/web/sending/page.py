"""The page on which an issue is sent, as its routes show it and what they look up for it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.tables import (
    AccountRow,
    ApprovalRow,
    IssueRow,
    NewsletterRow,
)
from newsletter.database.vocabulary import Role
from newsletter.delivery.approving import content_digest, find_approval
from newsletter.delivery.audience import audience_figure
from newsletter.delivery.clearance import check_stored
from newsletter.delivery.figures import Figures
from newsletter.delivery.mailings import publisher_of
from newsletter.delivery.ordering import earlier_mailings
from newsletter.delivery.schedule import Schedule, read_hour, read_spread
from newsletter.delivery.trying import list_groups
from newsletter.errors import NewsletterError, NotFoundError
from newsletter.issues.findings import Severity
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from newsletter.web.access import Visit
from newsletter.web.pages import Pages
from newsletter.web.wording import tell
from subscribers.segments.saved import list_segments

#: Where it is, below a newsletter.
PATH = "/issues/{issue_id}/send"


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
        later = self.when == "later"
        return Schedule(
            hour=read_hour(self.hour) if later else None,
            everywhere=self.everywhere and later,
            spread=read_spread(self.over),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingPage:
    """Shows the page to whoever may see it."""

    settings: Settings
    engine: Engine
    figures: Figures
    pages: Pages

    def preflight(self, session: Session, issue: IssueRow, newsletter: NewsletterRow) -> Preflight:
        """Check what is shown; what is sent is checked once more, at that moment."""
        sender = (newsletter.template, newsletter.from_address, publisher_of(newsletter))
        key = ("preflight", issue.id, issue.version, *sender)
        return self.figures.of(
            session, key, lambda _session: check_stored(issue, newsletter, self.settings)
        ).value

    def show(
        self,
        visit: Visit,
        request: Request,
        issue_id: int,
        *,
        status: int = 200,
        error: NewsletterError | None = None,
        choice: Choice | None = None,
    ) -> HTMLResponse:
        """Show it, with what was chosen and what is wrong with that."""
        choice = choice or Choice()
        with reading(self.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            preflight = self.preflight(session, issue, newsletter)
            digest = content_digest(newsletter, preflight.rendered) if preflight.rendered else ""
            approval = find_approval(session, issue.id, digest)
            return self.pages.show_to(
                visit,
                request,
                "sending.html",
                status=status,
                newsletter=newsletter,
                issue=issue,
                base=address_of(newsletter, issue),
                subject=subject_of(preflight.rendered),
                preflight=preflight,
                errors=preflight.of(Severity.ERROR),
                warnings=preflight.of(Severity.WARNING),
                digest=digest,
                approval=approval,
                approval_people=_people(session, approval),
                segments=list_segments(session, newsletter.id),
                count=audience_figure(session, newsletter, "", self.figures),
                groups=list_groups(session, newsletter.id),
                earlier=earlier_mailings(session, issue.id),
                choice=choice,
                error=tell(error, visit.language) if error else "",
                said=request.query_params.get("said", ""),
                may_edit=visit.rights.allows(Role.EDITOR, newsletter.id),
                may_approve=visit.rights.allows(Role.APPROVER, newsletter.id),
                may_rule=visit.rights.allows(Role.ADMINISTRATOR, newsletter.id),
            )


def address_of(newsletter: NewsletterRow, issue: IssueRow) -> str:
    """Return the page's path."""
    return f"/newsletters/{newsletter.slug}{PATH.format(issue_id=issue.id)}"


def find_issue_of(session: Session, visit: Visit, issue_id: int) -> tuple[NewsletterRow, IssueRow]:
    """Return the issue that a visit is about, with its newsletter.

    Raises:
        NotFoundError: It is none of this newsletter's.
    """
    issue = session.get(IssueRow, issue_id)
    if issue is None or issue.newsletter_id != visit.newsletter_id:
        raise NotFoundError("There is no such issue.")
    return session.get_one(NewsletterRow, issue.newsletter_id), issue


def subject_of(rendered: RenderedIssue | None) -> str:
    """Return the subject as a line; a reader's own words in it are not known yet."""
    parts = rendered.subject if rendered else ()
    return "".join(part if isinstance(part, str) else "…" for part in parts)


def back_to_page(request: Request, said: str, *, cut: str) -> Response:
    """Lead from the place of an order, the path's end ``cut``, to the page, which says ``said``."""
    return RedirectResponse(f"{request.url.path.removesuffix(cut)}?said={said}", status_code=303)


def _people(session: Session, approval: ApprovalRow | None) -> dict[int, str]:
    if approval is None:
        return {}
    numbers = [number for number in (approval.requested_by, approval.approved_by) if number]
    rows = session.scalars(select(AccountRow).where(AccountRow.id.in_(numbers)))
    return {row.id: row.name or row.address for row in rows}
