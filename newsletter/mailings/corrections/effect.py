"""Putting a correction into effect: in the archive, and in all copies that are still to be sent.

This is one transaction. The earlier content is kept, so that it can be shown what was sent. A batch
that was claimed before is sent with the earlier content, every later batch with the corrected one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import (
    BatchRow,
    CorrectionRow,
    IssueRow,
    MailingContentRow,
    MailingRow,
    MailingVariantRow,
    NewsletterRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.i18n.values import LanguageName
from newsletter.issues.checks.findings import Finding, Severity
from newsletter.issues.conditions import conditions_of
from newsletter.issues.corrections import (
    note_in,
    note_of,
    readied_correction,
    remove_readied,
    require_note,
    require_written,
)
from newsletter.issues.drafts.publishing import remove_draft
from newsletter.issues.drafts.saving import correct_draft, correction_draft
from newsletter.issues.library.stored_files import keep_calendars
from newsletter.issues.library.uses import add_uses, digests_in, record_uses
from newsletter.issues.model import Issue, issue_from_json, issue_to_json
from newsletter.issues.search import Indexed, index_words
from newsletter.issues.sent import sent_as
from newsletter.issues.translations import language_met
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.approvals.requests import require_approval
from newsletter.mailings.corrections.notes import with_earlier
from newsletter.mailings.planning.content import (
    COMMON,
    load_content,
    planned_conditions,
    recipe_conditions,
    save_content,
    save_variant,
)
from newsletter.mailings.planning.variants import (
    met_in,
    other_subjects,
    queries_of,
    subject_in,
    with_subject,
)
from newsletter.mailings.reports.clicks import add_links
from newsletter.mailings.trials.subjects import correct_own_subject, own_subject, subjects_left
from newsletter.newsletters.issue_actions import record_on_issue
from newsletter.rendering.model import RenderedIssue
from newsletter.rendering.preflight import Preflight
from newsletter.rendering.render import derived_preheader, render_variant


@dataclass(frozen=True, kw_only=True, slots=True)
class CorrectionReview:
    """The effect of a correction, shown for confirmation.

    Attributes:
        before: The present content.
        after: The corrected content.
        digest: The digest of the corrected content and the note.
        subjects: Alternative subjects that may still be sent; they are not corrected.
    """

    correction: CorrectionRow
    before: Issue
    after: Issue
    rendered: RenderedIssue
    digest: str
    warnings: Sequence[Finding]
    subjects: Sequence[str]


#: A mailing's rendered variants, by number.
_Rendered = Mapping[int, RenderedIssue]


class _VariantsMissingError(Exception):
    """A mailing was planned after its variants were rendered."""


def require_readied(session: Session, issue_id: int) -> IssueRow:
    """Return the stored correction of a sent issue.

    Raises:
        ConflictError: There is no correction, or its draft was not made ready yet.
    """
    require_written(session, issue_id)
    readied = readied_correction(session, issue_id)
    if readied is None:
        raise ConflictError(
            msg("The draft of the correction has not been checked yet."),
            remedy=msg("Open the draft, and go on from there."),
        )
    return readied


def review_correction(
    session: Session,
    newsletter: NewsletterRow,
    issue: IssueRow,
    readied: IssueRow,
    preflight: Preflight,
) -> CorrectionReview:
    """Check that a correction can take effect; return its effect.

    Args:
        session: The database session.
        newsletter: The issue's newsletter.
        issue: The sent issue.
        readied: The stored correction; see `require_readied`.
        preflight: The check of the correction.

    Raises:
        ConflictError: Preflight found errors, the note or approval is missing, nothing changes, a
            part has a condition that the sent issue does not have, or the draft was changed since.
    """
    _require_newest(session, issue, readied)
    require_note(session, readied)
    rendered = _cleared(preflight)
    digest = content_digest(newsletter, rendered, note=note_of(session, readied))
    require_approval(session, newsletter, readied, digest)
    _require_change(issue, readied)
    after = issue_from_json(readied.content)
    mailings = sent_as(session, issue.id)
    for mailing in mailings:
        _require_known_conditions(session, mailing, rendered)
    return CorrectionReview(
        correction=require_written(session, issue.id),
        before=issue_from_json(issue.content),
        after=after,
        rendered=rendered,
        digest=digest,
        warnings=preflight.of(Severity.WARNING),
        subjects=subjects_left(session, [each.id for each in mailings]),
    )


def put_into_effect(
    engine: Engine,
    actor: Actor,
    issue: IssueRow,
    readied: IssueRow,
    preflight: Preflight,
    digest: str,
    *,
    with_warnings: bool = False,
) -> int:
    """Put the correction of a sent issue into effect; return the correction's number.

    If this runs twice at the same time, the second call finds no correction any more.

    Args:
        engine: The database.
        actor: The person who corrects.
        issue: The sent issue.
        readied: The stored correction.
        preflight: The check of the correction.
        digest: The digest of the confirmed content and note.
        with_warnings: Whether preflight's warnings are accepted.

    Raises:
        ConflictError: As for `review_correction`; or the content is not the confirmed one, or
            warnings were not accepted.
        TemplateError: The template fails for a variant.
    """
    rendered = _cleared(preflight)
    if preflight.of(Severity.WARNING) and not with_warnings:
        raise ConflictError(
            msg("Preflight found warnings; confirm that it is to take effect despite them.")
        )
    while True:
        variants = _render_variants(engine, issue.id, rendered, issue_from_json(readied.content))
        try:
            with transaction(engine, long=True) as session:
                return _put_into_effect(
                    session, actor, issue.id, readied, preflight, digest, variants=variants
                )
        except _VariantsMissingError:
            continue


def _put_into_effect(
    session: Session,
    actor: Actor,
    issue_id: int,
    checked: IssueRow,
    preflight: Preflight,
    digest: str,
    *,
    variants: Mapping[int, _Rendered],
) -> int:
    # The same lock that orders take, so that no mailing is overlooked.
    issue = session.get_one(IssueRow, issue_id, with_for_update=True, populate_existing=True)
    newsletter = session.get_one(NewsletterRow, issue.newsletter_id)
    readied = require_readied(session, issue.id)
    review = review_correction(session, newsletter, issue, readied, preflight)
    if review.digest != digest or readied.version != checked.version:
        raise _changed()
    correction, before = review.correction, issue.content
    correction.before, correction.before_template = before, issue.template
    correction.effective_at, correction.readied_as = now(), readied.id
    correction.corrected_by, correction.corrector = actor.account_id, actor.name
    for mailing in _lock_mailings(session, issue.id):
        rendered = variants.get(mailing.id, {})
        if mailing.started_at is not None and _variants_of(session, mailing) - {*rendered}:
            raise _VariantsMissingError
        _freeze_corrected(session, newsletter, mailing, correction.number, review, rendered)
        _name_anew(session, mailing, readied)
    _correct_issue(session, issue, readied)
    correct_draft(session, issue, before, author=actor.name)
    draft = correction_draft(session, issue.id)
    if draft is not None:
        remove_draft(session, draft)
    remove_readied(session, readied, into=issue.id)
    record_on_issue(
        session,
        actor,
        Action.ISSUE_CORRECT,
        issue,
        details={
            "correction": correction.number,
            "note": correction.note,
            "note_translations": correction.note_translations,
            "digest": digest,
        },
    )
    return correction.number


def _lock_mailings(session: Session, issue_id: int) -> Sequence[MailingRow]:
    """Lock an issue's mailings one by one, so that no batch is claimed meanwhile."""
    numbers = sorted(row.id for row in sent_as(session, issue_id))
    return [
        session.get_one(MailingRow, number, with_for_update=True, populate_existing=True)
        for number in numbers
    ]


def _freeze_corrected(
    session: Session,
    newsletter: NewsletterRow,
    mailing: MailingRow,
    number: int,
    review: CorrectionReview,
    rendered_variants: _Rendered,
) -> None:
    """Store the corrected content of a mailing; replace it if the mailing has not begun.

    The sender, the date and the numbers of links do not change.
    """
    rendered = review.rendered
    content = load_content(session, mailing.id)
    variants, recipe = rendered.variants, rendered.recipe
    if recipe is not None:
        recipe = with_earlier(session, mailing.id, recipe, review.after, note_in(review.correction))
    is_varied = variants is not None or bool(recipe and recipe.earlier)
    tries_subjects = bool(other_subjects(session, mailing.id))
    links = content.links
    # The links of a trial are numbered by subject, so added ones cannot be counted there.
    if content.counts_clicks and not tries_subjects:
        links = add_links(session, mailing.id, rendered.html)
    content = replace(
        content,
        rendered=variants.common if variants else rendered,
        varies=is_varied or tries_subjects,
        links=links,
    )
    if mailing.started_at is None:
        for table in (MailingContentRow, MailingVariantRow):
            session.execute(delete(table).where(table.mailing_id == mailing.id))
        mailing.conditions = (
            queries_of(session, newsletter.id, recipe_conditions(recipe))
            if recipe and is_varied
            else None
        )
    kept = recipe if content.varies else None
    save_content(session, mailing.id, content, kept, correction=number)
    for variant, each in rendered_variants.items():
        save_variant(session, mailing.id, variant, each, correction=number)
    mailing.correction = number
    keep_calendars(session, newsletter.id, rendered.calendars)
    html = "".join(part for part in rendered.html if isinstance(part, str))
    add_uses(session, newsletter.id, ContentUser.MAILING, mailing.id, digests_in(html))


def _name_anew(session: Session, mailing: MailingRow, readied: IssueRow) -> None:
    """Set a mailing's title to the corrected one, or to the alternative subject if chosen."""
    issue = issue_from_json(readied.content)
    shown = correct_own_subject(session, mailing.id, own_subject(issue))
    mailing.title, mailing.summary = shown.title, shown.preheader or derived_preheader(issue)
    mailing.issue_date, mailing.issue_number = issue.issue_date, issue.number


def _correct_issue(session: Session, issue: IssueRow, readied: IssueRow) -> None:
    """Copy the correction's content into the issue; its slug does not change."""
    for name in ("title", "issue_date", "language", "template", "content", "words"):
        setattr(issue, name, getattr(readied, name))
    issue.source, issue.source_format = readied.source, readied.source_format
    issue.updated_at = now()
    session.flush()
    record_uses(session, issue.newsletter_id, ContentUser.ISSUE, issue.id, issue.content)
    index_words(session, Indexed.ISSUE, issue.id, issue.words)


def _render_variants(
    engine: Engine, issue_id: int, rendered: RenderedIssue, after: Issue
) -> Mapping[int, _Rendered]:
    """Render the variants used by batches of an issue's mailings; no locks are held."""
    with reading(engine) as session:
        note = note_in(require_written(session, issue_id))
        needed = {
            mailing.id: (
                with_earlier(session, mailing.id, rendered.recipe, after, note)
                if rendered.recipe
                else None,
                planned_conditions(session, mailing.id),
                _variants_of(session, mailing),
                other_subjects(session, mailing.id),
            )
            for mailing in sent_as(session, issue_id)
            if mailing.started_at is not None
        }
    rendered_variants: dict[int, dict[int, RenderedIssue]] = {}
    for mailing_id, (recipe, conditions, numbers, subjects) in needed.items():
        for number in numbers:
            place = subject_in(number)
            subject = subjects[place - 1] if place else None
            rendered_variants.setdefault(mailing_id, {})[number] = (
                render_variant(recipe, met_in(conditions, number), subject) if recipe else rendered
            )
    return rendered_variants


def _variants_of(session: Session, mailing: MailingRow) -> set[int]:
    """Return the variants that a mailing's batches use, or may use after the subject is chosen.

    The mailing's own content, variant 0, is left out.
    """
    numbers = select(BatchRow.variant).where(BatchRow.mailing_id == mailing.id).distinct()
    parts = {COMMON, *session.scalars(numbers)}
    subjects = range(len(other_subjects(session, mailing.id)) + 1)
    return {with_subject(part, subject) for part in parts for subject in subjects} - {COMMON}


def _require_known_conditions(
    session: Session, mailing: MailingRow, rendered: RenderedIssue
) -> None:
    """Raise if a part has a condition that was not evaluated when the mailing was planned."""
    if mailing.started_at is None or rendered.variants is None or rendered.recipe is None:
        return
    known = planned_conditions(session, mailing.id)
    languages = {language_met([each]) for each in known}
    for condition in conditions_of(rendered.recipe.issue):
        language = language_met([condition])
        if language and language not in languages:
            raise ConflictError(
                msg(
                    "The issue was sent without a translation into {language}; a correction "
                    "cannot add one.",
                    language=LanguageName(language),
                ),
                remedy=msg("Remove that translation from the correction."),
            )
        if not language and condition not in known:
            raise ConflictError(
                msg(
                    "A part is only for readers who match “{condition}”; the sent issue has no "
                    "such part, so it is not known who of its readers should get it.",
                    condition=condition,
                ),
                remedy=msg("Write that part for everybody, or use a condition of the sent issue."),
            )


def _require_newest(session: Session, issue: IssueRow, readied: IssueRow) -> None:
    """Raise if the draft was changed after it was made ready: the changes would be lost."""
    require_written(session, issue.id)
    draft = correction_draft(session, issue.id)
    if draft is not None and (issue_to_json(draft.issue), draft.template) != (
        readied.content,
        readied.template,
    ):
        raise _changed()


def _changed() -> ConflictError:
    return ConflictError(
        msg("The correction has changed since you last looked at it."),
        remedy=msg("Check it again, then put it into effect."),
    )


def _require_change(issue: IssueRow, readied: IssueRow) -> None:
    if (issue.content, issue.template) == (readied.content, readied.template):
        raise ConflictError(
            msg("The correction changes nothing in the issue."),
            remedy=msg("Correct the text of its draft first."),
        )


def _cleared(preflight: Preflight) -> RenderedIssue:
    if preflight.blocked or preflight.rendered is None:
        raise ConflictError(msg("Preflight found errors; correct them first."))
    return preflight.rendered
