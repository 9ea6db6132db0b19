"""The workspace of an issue: the common elements of all pages of an issue.

These are the line of states with the next step, and the panel with approvers, audience, time and
manner of sending, test mails, and earlier mailings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from newsletter.accounts.permissions import Permission
from newsletter.database.vocabulary import Archived
from newsletter.database.words import name_of
from newsletter.edit_conflicts import shown_of
from newsletter.errors import NewsletterError, TemplateError
from newsletter.issues.checks.findings import Finding
from newsletter.issues.corrections import corrected_by
from newsletter.issues.drafts.saving import stored_draft_of
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.store import StoredIssue
from newsletter.mailings.approvals.comments import open_threads, part_of, parts_of, threads_of
from newsletter.mailings.approvals.plans import SendingPlan
from newsletter.mailings.approvals.state import approvers, people_of, plan_of
from newsletter.mailings.mailings import publisher_of
from newsletter.mailings.orders.progress import IssueProgress, NextStep, Viewer, standing_of
from newsletter.mailings.orders.readiness import check_stored, stored_findings
from newsletter.mailings.orders.rescheduling import hour_of
from newsletter.mailings.orders.test_mails import TestGroups, list_groups
from newsletter.mailings.orders.variant_checks import check_subjects
from newsletter.mailings.planning.audience import AudienceCount, audience_figure
from newsletter.mailings.planning.shown_as import ShownAs, find_shown_as
from newsletter.mailings.reports.cached_figures import Figure, Figures
from newsletter.mailings.trials.subjects import SHARES, decision_due
from newsletter.newsletters.dictionary import list_folded
from newsletter.newsletters.publications import Newsletter
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.rendering.render import render_as
from newsletter.settings import Settings
from newsletter.web.access import Visit
from newsletter.web.mailings.choice import SendChoice
from subscribers.frequency import offered_frequencies
from subscribers.segments.choices import reader_choices
from subscribers.segments.saved import list_segments, segment_text

#: The choices of visibility in the archive, with their labels.
ARCHIVE_PLACES = {place: name_of(place) for place in Archived}


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Loads the data for the common elements of an issue's pages."""

    settings: Settings
    figures: Figures

    def preflight(self, session: Session, issue: StoredIssue, newsletter: Newsletter) -> Preflight:
        """Check the shown issue; it is checked again when it is sent."""
        sender = (newsletter.template, newsletter.from_address, publisher_of(newsletter))
        words = list_folded(session, newsletter.id)
        key = ("preflight", issue.id, issue.version, words, *sender)
        return self.figures.of(
            session,
            key,
            lambda own: check_stored(
                issue,
                newsletter,
                self.settings,
                known=stored_findings(
                    own,
                    newsletter,
                    issue_from_json(issue.content),
                    besides=issue.corrects or issue.id,
                    is_correction=issue.corrects is not None,
                    figures=self.figures,
                ),
            ),
        ).value

    def shown_as(
        self,
        session: Session,
        visit: Visit,
        newsletter: Newsletter,
        content: Issue,
        key: str,
        *,
        segment: str = "",
        urgent: bool = False,
    ) -> ShownAs:
        """Return the reader as whom an issue is shown, for the key in the URL."""
        return find_shown_as(
            session,
            newsletter,
            content,
            key,
            sees_people=visit.may(Permission.SEE_SUBSCRIBERS),
            segment=segment,
            urgent=urgent,
            language=visit.language,
            figures=self.figures,
        )

    def mail_as(
        self,
        session: Session,
        issue: StoredIssue,
        newsletter: Newsletter,
        rendered: RenderedIssue | None,
        shown: ShownAs,
    ) -> RenderedIssue | None:
        """Return the mail for the chosen reader; None if the template fails."""
        if rendered is None or rendered.variants is None or not shown.met:
            return render_as(rendered, shown.met) if rendered else None
        mail, met = rendered, shown.met
        sender = (newsletter.template, publisher_of(newsletter))
        key = ("mail as", issue.id, issue.version, *sender, met)
        try:
            return self.figures.of(session, key, lambda _: render_as(mail, met)).value
        except TemplateError:
            return None

    def line(
        self,
        session: Session,
        visit: Visit,
        newsletter: Newsletter,
        issue_id: int | None,
        preflight: Preflight | None,
        draft_id: int | None = None,
        choice: SendChoice | None = None,
    ) -> dict[str, Any]:
        """Return the values for the line of states.

        ``choice`` is how it is to be sent, as chosen on the page: other subjects to compare are not
        approved with the mail, so that approval is the next step again.
        """
        viewer = Viewer(account_id=visit.account_id, rights=visit.rights)
        plan = _plan_in(choice)
        standing = standing_of(session, newsletter, issue_id, preflight, viewer, plan=plan)
        to_send = standing
        if standing.mailing is not None:
            to_send = standing_of(
                session, newsletter, issue_id, preflight, viewer, anew=True, plan=plan
            )
        if draft_id is None and issue_id is not None:
            found = stored_draft_of(session, issue_id)
            draft_id = found.id if found else None
        is_movable = standing.mailing is not None and hour_of(standing.mailing) is not None
        return {
            "standing": standing,
            "standing_to_send": to_send,
            "line_issue": issue_id,
            "line_movable": is_movable,
            "line_corrects": corrected_by(session, issue_id) if issue_id is not None else None,
            "line_draft": draft_id,
            "line_planned": _planned(standing),
            "line_decides_at": (
                decision_due(session, standing.mailing.id) if standing.mailing else None
            ),
            "open_comments": open_threads(session, issue_id) if issue_id is not None else 0,
            "approval_people": people_of(
                session, to_send.approval, to_send.returned, to_send.lapsed
            ),
        }

    @staticmethod
    def comments(session: Session, issue_id: int | None, content: Issue) -> dict[str, Any]:
        """Return the values for the comments on an issue with its present content."""
        return {
            "threads": threads_of(session, issue_id, content) if issue_id else (),
            "comment_parts": [
                (anchor, heading, part_of(anchor)) for anchor, heading in parts_of(content).items()
            ],
        }

    def panel(
        self,
        session: Session,
        visit: Visit,
        newsletter: Newsletter,
        choice: SendChoice,
        content: Issue,
    ) -> dict[str, Any]:
        """Return the values for the forms of the panel, for an issue with this content."""
        count, fault = self._count(session, newsletter, choice)
        groups = list_groups(session, newsletter.id)
        return {
            "choice": choice,
            "shares": SHARES,
            "subject_findings": subject_findings(newsletter, content, choice),
            "segments": list_segments(session, newsletter.id),
            "reader_choices": reader_choices(session, newsletter),
            "count": count,
            "fault": fault,
            "archive_places": ARCHIVE_PLACES,
            "offers_digests": len(offered_frequencies(session, newsletter.id)) > 1,
            "groups": groups,
            "groups_shown": shown_of(TestGroups.of(groups)),
            "approvers": approvers(session, newsletter.id, besides=visit.account_id),
        }

    def _count(
        self, session: Session, newsletter: Newsletter, choice: SendChoice
    ) -> tuple[Figure[AudienceCount] | None, NewsletterError | None]:
        """Return the size of the chosen audience, or the reason why it cannot be counted."""
        try:
            query = segment_text(session, newsletter.id, choice.segment)
            figure = audience_figure(session, newsletter, query, self.figures, urgent=choice.urgent)
        except NewsletterError as error:
            return None, error
        return figure, None


def _plan_in(choice: SendChoice | None) -> SendingPlan | None:
    """Return the chosen plan; None if none is chosen, or it is not valid."""
    try:
        return choice.plan() if choice else None
    except NewsletterError:
        return None


def _planned(standing: IssueProgress) -> str:
    """Return the approved plan of sending as query for the confirmation page; empty if none."""
    approval = standing.approval
    if standing.step is not NextStep.SEND or approval is None or approval.approved_by is None:
        return ""
    plan = plan_of(approval)
    return SendChoice.of(plan).query() if plan else ""


def subject_findings(
    newsletter: Newsletter, content: Issue, choice: SendChoice
) -> Sequence[Finding]:
    """Return the findings about the subjects to compare, as far as they are entered."""
    try:
        others = choice.others()
    except NewsletterError:
        return ()
    return check_subjects(content, others, publisher_of(newsletter).fields)


def workspace_of(visit: Visit) -> Workspace:
    """Return the workspace of a visit."""
    return Workspace(settings=visit.site.settings, figures=visit.site.figures)
