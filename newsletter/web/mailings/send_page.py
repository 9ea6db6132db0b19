"""The page on which an issue is sent, as its routes show it and what they look up for it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.engine import reading
from newsletter.errors import NewsletterError
from newsletter.i18n.language import Language
from newsletter.issues.drafts import stored_draft_of
from newsletter.issues.findings import Severity
from newsletter.issues.store import StoredIssue, get_issue
from newsletter.mailings.approval import (
    approvers,
    content_digest,
    find_approval,
    last_returned,
    people_of,
    state_of,
)
from newsletter.mailings.audience import AudienceCount, audience_figure
from newsletter.mailings.cached_figures import Figure, Figures
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders import earlier_mailings
from newsletter.mailings.readiness import check_stored
from newsletter.mailings.schedule import Schedule, read_hour, read_spread
from newsletter.mailings.test_mails import list_groups
from newsletter.newsletters.publications import Newsletter, get_newsletter
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.settings import Settings
from newsletter.web.access import Visit, own
from newsletter.web.issues.draft_pages import last_view
from newsletter.web.pages import Pages
from subscribers.segments.saved import list_segments, segment_text

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

    @classmethod
    def asked_in(cls, request: Request) -> Choice:
        """Return what a page's address says was chosen."""
        asked = request.query_params
        return cls(
            segment=asked.get("segment", ""),
            when=asked.get("when", "now"),
            hour=asked.get("hour", ""),
            everywhere=bool(asked.get("everywhere")),
            over=asked.get("over", "0"),
        )

    def query(self) -> str:
        """Return it as the query of an address; empty where nothing was chosen."""
        if self == Choice():
            return ""
        fields = {"segment": self.segment, "when": self.when, "hour": self.hour, "over": self.over}
        return urlencode(fields | ({"everywhere": "1"} if self.everywhere else {}))

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

    def preflight(self, session: Session, issue: StoredIssue, newsletter: Newsletter) -> Preflight:
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
        choice = choice or Choice.asked_in(request)
        with reading(self.engine) as session:
            newsletter, issue = find_issue_of(session, visit, issue_id)
            preflight = self.preflight(session, issue, newsletter)
            digest = content_digest(newsletter, preflight.rendered) if preflight.rendered else ""
            approval = find_approval(session, issue.id, digest)
            count, fault = self._count(session, newsletter, choice, visit.language)
            return self.pages.show_to(
                visit,
                request,
                "mailings/send.html",
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
                approval_state=state_of(approval).value if approval else "",
                approvers=approvers(session, newsletter.id, besides=visit.account_id),
                returned=last_returned(session, issue.id),
                approval_people=people_of(session, approval, last_returned(session, issue.id)),
                draft=_draft_of(session, issue),
                view=last_view(request),
                segments=list_segments(session, newsletter.id),
                count=count,
                fault=fault,
                groups=list_groups(session, newsletter.id),
                earlier=earlier_mailings(session, issue.id),
                choice=choice,
                error=error.in_language(visit.language) if error else "",
                said=request.query_params.get("said", ""),
                may_edit=visit.may(Permission.SEND),
                may_write=visit.may(Permission.WRITE),
                may_approve=visit.may(Permission.APPROVE),
                may_rule=visit.may(Permission.ADMINISTER),
            )

    def _count(
        self, session: Session, newsletter: Newsletter, choice: Choice, language: Language
    ) -> tuple[Figure[AudienceCount] | None, str]:
        """Count whom the audience chosen holds; or say why that cannot be told."""
        try:
            query = segment_text(session, newsletter.id, choice.segment)
            return audience_figure(session, newsletter, query, self.figures), ""
        except NewsletterError as error:
            return None, error.in_language(language)


def address_of(newsletter: Newsletter, issue: StoredIssue) -> str:
    """Return the page's path."""
    return f"/newsletters/{newsletter.slug}{PATH.format(issue_id=issue.id)}"


def find_issue_of(session: Session, visit: Visit, issue_id: int) -> tuple[Newsletter, StoredIssue]:
    """Return the issue that a visit is about, with its newsletter.

    Raises:
        NotFoundError: It is none of this newsletter's.
    """
    issue = get_issue(session, own(visit), issue_id)
    return get_newsletter(session, issue.newsletter_id), issue


def subject_of(rendered: RenderedIssue | None) -> str:
    """Return the subject as a line; a reader's own words in it are not known yet."""
    parts = rendered.subject if rendered else ()
    return "".join(part if isinstance(part, str) else "…" for part in parts)


def back_to_page(
    request: Request, said: str, *, cut: str, choice: Choice | None = None
) -> Response:
    """Lead from the place of an order, the path's end ``cut``, to the page, which says ``said``."""
    more = f"&{choice.query()}" if choice and choice.query() else ""
    path = request.url.path.removesuffix(cut)
    return RedirectResponse(f"{path}?said={said}{more}", status_code=303)


def _draft_of(session: Session, issue: StoredIssue) -> int | None:
    draft = stored_draft_of(session, issue.id)
    return draft.id if draft else None
