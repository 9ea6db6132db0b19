"""Mail about a correction: what was wrong and what is right, to whoever may have a faulty copy.

Each correction is mailed once at most. It goes to those whose copy was or may have been delivered
without it and who are still subscribed; copies that are still to be sent contain the correction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Action, Actor, record_event
from newsletter.database.engine import transaction
from newsletter.database.tables import CorrectionRow, IssueRow, MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Archived, MailingKind, MailingState
from newsletter.errors import ConflictError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.corrections import Correction, find_correction
from newsletter.issues.model import Block, Button, Issue
from newsletter.mailings.approvals.requests import content_digest
from newsletter.mailings.archive import archived_as
from newsletter.mailings.corrections.left_behind import paragraph
from newsletter.mailings.mailings import freeze_content, publisher_of
from newsletter.mailings.planning.audience import audience
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_issue
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionMail:
    """What is sent about a correction, for whoever is to confirm it.

    Attributes:
        digest: Names the content that is confirmed.
        people: How many get it, as far as is known now.
    """

    correction: Correction
    rendered: RenderedIssue
    digest: str
    people: int


def compose_correction_mail(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    number: int,
    settings: Settings,
) -> CorrectionMail:
    """Return the mail about a correction that is in effect, if it can be sent.

    Raises:
        NotFoundError: The issue has no such correction in effect.
        ConflictError: It was mailed already, or nobody has a copy without it.
        TemplateError: The newsletter's template fails.
    """
    correction = find_correction(session, issue.id, number)
    if correction.mailing_id is not None:
        raise _mailed(number)
    people = session.scalar(
        select(func.count()).select_from(
            audience(
                _mailing(newsletter, issue, number, batch_size=1), time_zone=newsletter.time_zone
            ).subquery()
        )
    )
    if not people:
        raise ConflictError(msg("Nobody who is subscribed has a copy without this correction."))
    rendered = render_issue(
        _content(session, newsletter, issue, correction, settings),
        template=newsletter.template,
        templates_dir=settings.templates_dir,
        publisher=publisher_of(newsletter),
    )
    return CorrectionMail(
        correction=correction,
        rendered=rendered,
        digest=content_digest(newsletter, rendered),
        people=people,
    )


def send_correction_mail(
    engine: Engine,
    actor: Actor,
    issue: IssueRow,
    mail: CorrectionMail,
    digest: str,
    *,
    batch_size: int,
) -> int:
    """Make the mailing about a correction; return its number.

    Done twice, or at once on two hosts, there is one mailing: the correction takes only one.

    Args:
        engine: The database.
        actor: Who sends it.
        issue: Which was corrected.
        mail: As it was composed now.
        digest: Of the content that was confirmed.
        batch_size: How many deliveries a batch of it has.

    Raises:
        ConflictError: The correction was mailed already, or the mail is not what was confirmed.
    """
    if mail.digest != digest:
        raise ConflictError(
            msg("The mail has changed since you last looked at it."),
            remedy=msg("Look at it again, then send it."),
        )
    number = mail.correction.number
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
        row = _mailing(newsletter, issue, number, batch_size=batch_size)
        session.add(row)
        session.flush()
        taken = session.scalars(
            update(CorrectionRow)
            .where(CorrectionRow.id == mail.correction.id, CorrectionRow.mailing_id.is_(None))
            .values(mailing_id=row.id)
            .returning(CorrectionRow.id)
            .execution_options(synchronize_session=False)
        ).all()
        if not taken:
            raise _mailed(number)
        freeze_content(
            session,
            row.id,
            newsletter,
            mail.rendered,
            date=now(),
            kind=MailingKind.CORRECTION,
        )
        record_event(
            session,
            actor,
            Action.MAILING_CORRECTION,
            object=f"mailing {row.id}",
            newsletter_id=newsletter.id,
            details={"issue": issue.slug, "correction": number, "digest": digest},
        )
        return row.id


def _mailing(
    newsletter: NewsletterRow, issue: IssueRow, number: int, *, batch_size: int
) -> MailingRow:
    return MailingRow(
        newsletter_id=newsletter.id,
        issue_id=issue.id,
        kind=MailingKind.CORRECTION,
        state=MailingState.PLANNING,
        batch_size=batch_size,
        title=_title(issue),
        issue_date=now().date(),
        segment="",
        urgent=False,
        correction=number,
    )


def _title(issue: IssueRow) -> str:
    words = msg("[Correction] {title}", title=issue.title)
    return words.in_language(Language(issue.language))


def _content(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    correction: Correction,
    settings: Settings,
) -> Issue:
    language = Language(issue.language)
    about = msg("This is a correction of the issue “{title}”.", title=issue.title)
    blocks: list[Block] = [
        paragraph(about.in_language(language)),
        paragraph(*correction.note.split("\n")),
    ]
    if newsletter.visibility.readable and archived_as(session, issue) is not Archived.SUBSCRIBERS:
        site = settings.public_url.rstrip("/")
        blocks.append(
            Button(
                label=pmsg("correction", "Read the corrected issue").in_language(language),
                url=f"{site}/archive/{newsletter.slug}/{issue.slug}",
            )
        )
    else:
        blocks.append(
            paragraph(
                msg(
                    "The link to view this mail in the browser leads to the corrected issue."
                ).in_language(language)
            )
        )
    return Issue(
        title=_title(issue),
        issue_date=(correction.effective_at or now()).date(),
        language=language,
        lead=tuple(blocks),
    )


def _mailed(number: int) -> ConflictError:
    return ConflictError(
        msg("Correction {number} was mailed already.", number=number),
        remedy=msg("See the mailing on the page of the issue."),
    )
