"""Mail about a correction, to subscribers who may have a copy without it.

Each correction is mailed at most once, to each reader in the language in which they got the issue.
Copies that are still to be sent include the correction, and their readers get no such mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import transaction
from newsletter.database.tables import CorrectionRow, IssueRow, MailingRow, NewsletterRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Archived, MailingKind, MailingState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg, pmsg
from newsletter.issues.cards import Button
from newsletter.issues.corrections import Correction, find_correction, note_in
from newsletter.issues.model import Block, Issue, issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translations import language_met, with_translation
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.archive import archived_as
from newsletter.mailings.corrections.notes import fixed_words, note_paragraph, translations_of
from newsletter.mailings.mailings import freeze_content, publisher_of
from newsletter.mailings.planning.audience import audience
from newsletter.mailings.planning.content import load_recipe
from newsletter.mailings.planning.variants import queries_of
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.render import render_as, render_issue
from newsletter.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionMail:
    """The mail about a correction, shown for confirmation.

    Attributes:
        digest: The digest of the content.
        people: The number of recipients at present.
    """

    correction: Correction
    rendered: RenderedIssue
    digest: str
    people: int

    @property
    def languages(self) -> Sequence[str]:
        """The language tags of its translations."""
        return [language_met([each]) for each in self._conditions]

    def said_in(self, tag: str) -> RenderedIssue:
        """Return the mail in a language; the original if there is no such translation."""
        met = [each for each in self._conditions if language_met([each]) == tag]
        return render_as(self.rendered, met)

    @property
    def _conditions(self) -> Sequence[str]:
        return self.rendered.variants.conditions if self.rendered.variants else ()


def compose_correction_mail(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    number: int,
    settings: Settings,
) -> CorrectionMail:
    """Return the mail about a correction that is in effect.

    Raises:
        NotFoundError: The issue has no such correction in effect.
        ConflictError: The correction was mailed already, or nobody has a copy without it.
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
    """Create the mailing about a correction; return its number.

    A correction stores its mailing, so running this twice, or on two hosts at the same time, makes
    only one.

    Args:
        engine: The database.
        actor: The person who sends it.
        issue: The corrected issue.
        mail: The mail as composed now.
        digest: The digest of the confirmed content.
        batch_size: The number of deliveries per batch.

    Raises:
        ConflictError: The correction was mailed already, or the mail is not the confirmed one.
    """
    if mail.digest != digest:
        raise ConflictError(
            msg("The mail has changed since you last looked at it."),
            remedy=msg("Review it again, then send it."),
        )
    number = mail.correction.number
    with transaction(engine) as session:
        newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
        row = _mailing(newsletter, issue, number, batch_size=batch_size)
        if mail.rendered.variants:
            row.conditions = queries_of(session, newsletter.id, mail.rendered.variants.conditions)
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
    content = issue_from_json(issue.content)
    return MailingRow(
        newsletter_id=newsletter.id,
        issue_id=issue.id,
        kind=MailingKind.CORRECTION,
        state=MailingState.PLANNING,
        batch_size=batch_size,
        title=_title(content),
        issue_date=now().date(),
        segment="",
        urgent=False,
        correction=number,
    )


def _title(issue: Issue) -> str:
    words = msg("[Correction] {title}", title=issue.title)
    return words.in_language(issue.language)


def _content(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    correction: Correction,
    settings: Settings,
) -> Issue:
    """Return the content of the mail, with a translation for each language of the issue."""
    corrected = issue_from_json(issue.content)
    readable = newsletter.visibility.readable
    address = ""
    if readable and archived_as(session, issue) is not Archived.SUBSCRIBERS:
        address = f"{settings.public_url.rstrip('/')}/archive/{newsletter.slug}/{issue.slug}"
    own = _said_in(corrected, corrected, correction, address)
    mail = own
    for tag, shown in _read_in(session, issue.id).items():
        own_address = f"{address}?lang={tag}" if address else ""
        said = _said_in(shown, corrected, correction, own_address)
        mail = with_translation(mail, translation_from_issue(own, said, tag))
    return mail


def _read_in(session: Session, issue_id: int) -> Mapping[str, Issue]:
    """Return the translations of an issue as readers have them, by language tag."""
    recipes = (load_recipe(session, each.id) for each in sent_as(session, issue_id))
    translations = [each for recipe in recipes if recipe for each in translations_of(recipe)]
    # If there are several mailings, the newest one wins.
    return {each.language: each.issue for each in reversed(translations)}


def _said_in(shown: Issue, corrected: Issue, correction: Correction, address: str) -> Issue:
    """Return the mail for readers who got ``shown``, the issue itself or a translation."""
    about = msg("This is a correction of the issue “{title}”.", title=shown.title)
    blocks: list[Block] = [
        fixed_words(about, shown.tag),
        note_paragraph(note_in(correction), shown.tag, corrected.tag),
    ]
    if address:
        label = pmsg("correction", "Read the corrected issue")
        blocks.append(Button(label=label.in_language(shown.language), url=address))
    else:
        blocks.append(
            fixed_words(
                msg("The link to view this mail in the browser leads to the corrected issue."),
                shown.tag,
            )
        )
    return Issue(
        title=_title(shown),
        issue_date=(correction.effective_at or now()).date(),
        language=shown.language,
        language_tag=shown.language_tag,
        lead=tuple(blocks),
    )


def _mailed(number: int) -> ConflictError:
    return ConflictError(
        msg("Correction {number} was mailed already.", number=number),
        remedy=msg("See the mailing on the page of the issue."),
    )
