"""What editors do to a newsletter's issues and drafts, each with its entry in the audit log.

What is typed into a draft is no entry: its revisions keep that, with who typed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.audit_details import Detail
from newsletter.database.tables import AccountRow, AuditEventRow, IssueRow, NewsletterRow
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ConflictError, NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues import store
from newsletter.issues.corrections import open_correction, readied_correction
from newsletter.issues.drafts import publishing, reuse, translating
from newsletter.issues.drafts import saving as drafts
from newsletter.issues.drafts.reuse import Pattern
from newsletter.issues.drafts.saving import Draft
from newsletter.issues.drafts.translation_history import get_translation_revision
from newsletter.issues.library.images import Encoded, demand_description, keep_image
from newsletter.issues.library.stored_files import CheckedFile, keep_file
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.sent import sent_as
from newsletter.issues.sources.import_report import report_on
from newsletter.issues.sources.reading import ReadIssue
from newsletter.issues.translation_files import translation_from_issue
from newsletter.newsletters.recurrence import next_free_date


def create_draft(session: Session, actor: Actor, newsletter_id: int, issue: Issue) -> Draft:
    """Begin an issue as a draft."""
    draft = drafts.create_draft(session, newsletter_id, issue, author=actor.name)
    _record(session, actor, Action.ISSUE_CREATE, draft, {"title": issue.title})
    return draft


def import_draft(session: Session, actor: Actor, newsletter_id: int, read: ReadIssue) -> Draft:
    """Begin an issue as a draft of what was read from a file or a paste."""
    draft = drafts.create_draft(
        session,
        newsletter_id,
        read.issue,
        author=actor.name,
        template=read.template,
        kind=RevisionKind.IMPORTED,
        report=report_on(read),
    )
    _record(
        session,
        actor,
        Action.ISSUE_IMPORT,
        draft,
        {"title": read.issue.title, "format": read.format.value},
    )
    return draft


class ImportedIssue(NamedTuple):
    """An issue as it is kept, and the one that it was put in place of, if that said otherwise."""

    row: IssueRow
    replaced: Issue | None


def import_issue(
    session: Session, actor: Actor, newsletter_id: int, read: ReadIssue
) -> ImportedIssue:
    """Keep an issue that was read from a file, in place of an earlier one of its date and number.

    A file has no translations: those of the earlier one stay, as far as they fit.

    Raises:
        IssueSentError: The earlier one was sent, or is about to be, and says something else.
    """
    earlier = store.find_earlier(session, newsletter_id, read.issue)
    if earlier is not None:
        read = replace(read, issue=replace(read.issue, translations=earlier.translations))
    row = store.save_issue(session, newsletter_id, read)
    record_on_issue(
        session,
        actor,
        Action.ISSUE_IMPORT,
        row,
        details={"title": row.title, "format": read.format.value},
    )
    return ImportedIssue(row, None if earlier == read.issue else earlier)


def add_picture(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    encoded: Encoded,
    *,
    alt: str,
    name: str = "",
    described: bool = True,
) -> str:
    """Keep a picture in a newsletter's library; return the path that shows it to everybody.

    ``described`` says that it goes into an issue at once, where it needs an alternative text.

    Raises:
        ContentError: It has no alternative text.
    """
    if described:
        demand_description(alt)
    path = keep_image(session, newsletter_id, encoded, alt=alt, name=name)
    record_event(
        session,
        actor,
        Action.ISSUE_PICTURE,
        object=path,
        newsletter_id=newsletter_id,
        details={"alt": alt.strip()[:200]},
    )
    return path


def add_file(session: Session, actor: Actor, newsletter_id: int, upload: CheckedFile) -> str:
    """Keep a file in a newsletter's library; return the path that serves it to everybody."""
    path = keep_file(session, newsletter_id, upload)
    record_event(
        session,
        actor,
        Action.ISSUE_FILE,
        object=path,
        newsletter_id=newsletter_id,
        details={"name": upload.name[:200]},
    )
    return path


def begin_correction(session: Session, actor: Actor, newsletter_id: int, issue_id: int) -> Draft:
    """Begin a correction of an issue that was sent, with what it says now as its draft.

    Return the draft of the correction that is written already where there is one.

    Raises:
        NotFoundError: The newsletter has no such issue.
        ConflictError: Nobody received it, so it can still be changed itself.
    """
    issue = store.get_issue(session, newsletter_id, issue_id)
    if issue.corrects is not None or not any(row.started_at for row in sent_as(session, issue_id)):
        raise ConflictError(
            msg(
                "Issue {issue} was not sent yet, so there is nothing to correct.", issue=issue.slug
            ),
            remedy=msg("Change its draft instead."),
        )
    correction = open_correction(session, issue_id)
    begun = drafts.correction_draft(session, issue_id)
    if begun is not None:
        return begun
    begun = drafts.create_draft(
        session,
        newsletter_id,
        issue_from_json(issue.content),
        author=actor.name,
        template=issue.template,
        corrects=issue_id,
    )
    _record(
        session,
        actor,
        Action.ISSUE_CORRECTION_BEGIN,
        begun,
        {"issue": issue.slug, "correction": correction.number},
    )
    return begun


def duplicate_issue(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    issue: Issue,
    *,
    template: str,
    source: str = "",
) -> Draft:
    """Begin a draft of the next issue with what an issue says; ``source`` names that issue.

    Its date is the next one of the publication schedule; without one, at the usual distance.
    """
    newsletter = session.get_one(NewsletterRow, newsletter_id)
    begun = reuse.start_from(
        session,
        newsletter_id,
        issue,
        author=actor.name,
        template=template,
        day=next_free_date(session, newsletter),
    )
    details: dict[Detail, object] = {"title": begun.issue.title}
    if source:
        details["from"] = source
    _record(session, actor, Action.ISSUE_DUPLICATE, begun, details)
    return begun


def keep_pattern(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    name: str,
    issue: Issue,
    *,
    template: str = "",
    replace: bool = False,
) -> Pattern:
    """Keep an issue as a pattern.

    Raises:
        ConflictError: There is one of the same name, and it is not to be replaced.
        ListError: The name is empty or too long.
    """
    kept = reuse.keep_pattern(
        session,
        newsletter_id,
        name,
        issue,
        author=actor.name,
        template=template,
        replace=replace,
    )
    _record_pattern(session, actor, Action.PATTERN_KEEP, kept)
    return kept


def start_from_pattern(session: Session, actor: Actor, pattern: Pattern) -> Draft:
    """Begin a draft of the next issue with what a pattern says."""
    return duplicate_issue(
        session,
        actor,
        pattern.newsletter_id,
        issue_from_json(pattern.content),
        template=pattern.template,
        source=pattern.name,
    )


def delete_pattern(session: Session, actor: Actor, pattern: Pattern) -> None:
    """Take a pattern away; what was begun with it stays."""
    _record_pattern(session, actor, Action.PATTERN_DELETE, pattern)
    reuse.delete_pattern(session, pattern)


def _record_pattern(session: Session, actor: Actor, action: Action, pattern: Pattern) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"pattern {pattern.id}",
        newsletter_id=pattern.newsletter_id,
        details={"name": pattern.name},
    )


def publish_draft(session: Session, actor: Actor, draft: Draft) -> IssueRow:
    """Make a draft's content the issue that can be sent.

    Raises:
        DraftConflictError: It was saved by somebody else meanwhile.
        IssueSentError: The issue was sent, or is about to be, and says something else.
    """
    issue = publishing.publish_draft(session, draft)
    _record(session, actor, Action.ISSUE_PUBLISH, draft, {"issue": issue.slug})
    return issue


def restore_revision(session: Session, actor: Actor, draft: Draft, revision: int) -> Draft:
    """Bring an earlier revision of a draft back, as a new one.

    Raises:
        NotFoundError: There is no such revision.
        DraftConflictError: It was saved by somebody else meanwhile.
    """
    restored = drafts.restore_revision(session, draft, revision, author=actor.name)
    _record(session, actor, Action.ISSUE_RESTORE, draft, {"revision": revision})
    return restored


def add_translation(
    session: Session, actor: Actor, draft: Draft, language: str
) -> tuple[Draft, str]:
    """Begin a translation of a draft; return the draft and the language's tag.

    Raises:
        ContentError: It is no language, or the draft's own.
        ConflictError: The draft has as many translations as it may have.
        IssueSentError: Its issue was sent, or is about to be.
    """
    before = draft.issue.translations
    draft, tag = translating.add_translation(session, draft, language)
    if draft.issue.translations != before:
        _record(session, actor, Action.ISSUE_TRANSLATION_ADD, draft, {"language": tag})
    return draft, tag


def import_translation(
    session: Session, actor: Actor, draft: Draft, tag: str, written: Issue
) -> Draft:
    """Take over a translation that was written as an issue of its own.

    Raises:
        ContentError: It has other parts than the draft; the message names the first.
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    translation = translation_from_issue(draft.issue, written, tag)
    draft = translating.replace_translation(session, draft, translation, author=actor.name)
    _record(session, actor, Action.ISSUE_TRANSLATION_IMPORT, draft, {"language": tag})
    return draft


def restore_translation(
    session: Session, actor: Actor, draft: Draft, tag: str, number: int
) -> Draft:
    """Bring a revision of a translation back as a new one; what stands now stays in its history.

    Raises:
        NotFoundError: There is no such revision.
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    earlier = get_translation_revision(session, draft, tag, number)
    restored = translating.replace_translation(
        session, draft, earlier, author=actor.name, kind=RevisionKind.RESTORED
    )
    details: dict[Detail, object] = {"language": tag, "revision": number}
    _record(session, actor, Action.ISSUE_TRANSLATION_RESTORE, draft, details)
    return restored


def remove_translation(session: Session, actor: Actor, draft: Draft, tag: str) -> Draft:
    """Take a translation of a draft away.

    Raises:
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    before = draft.issue.translations
    draft = translating.remove_translation(session, draft, tag)
    if draft.issue.translations != before:
        _record(session, actor, Action.ISSUE_TRANSLATION_REMOVE, draft, {"language": tag})
    return draft


def delete_draft(session: Session, actor: Actor, draft: Draft) -> None:
    """Delete a draft with its revisions; an issue that was made of it stays."""
    details: dict[Detail, object] = {"title": draft.issue.title}
    if draft.corrects is not None:
        readied = readied_correction(session, draft.corrects)
        details |= {"issue": str(readied.id)} if readied is not None else {}
    publishing.delete_draft(session, draft)
    _record(session, actor, Action.ISSUE_DELETE, draft, details)


class RemovedError(NotFoundError):
    """A draft, or a correction that was not in effect, was deleted.

    Attributes:
        title: What it was called.
        person: Who deleted it: the name, else the address.
        at: When.
    """

    def __init__(self, *, title: str, person: str, at: datetime) -> None:
        super().__init__(msg("“{title}” was deleted by {person}.", title=title, person=person))
        self.title = title
        self.person = person
        self.at = at


def find_draft(session: Session, newsletter_id: int, number: int) -> Draft:
    """Return a newsletter's draft.

    Raises:
        RemovedError: It was deleted.
        NotFoundError: The newsletter never had it.
    """
    try:
        return drafts.get_draft(session, newsletter_id, number)
    except NotFoundError:
        _raise_if_removed(session, newsletter_id, AuditEventRow.object == f"draft {number}")
        raise


def find_issue(session: Session, newsletter_id: int, number: int) -> IssueRow:
    """Return a newsletter's issue, or a correction as it was readied.

    Raises:
        RemovedError: It was readied for a correction that was discarded.
        NotFoundError: The newsletter never had it.
    """
    try:
        return store.get_issue(session, newsletter_id, number)
    except NotFoundError:
        issue = AuditEventRow.details["issue"].as_string()
        _raise_if_removed(session, newsletter_id, issue == str(number))
        raise


def _raise_if_removed(session: Session, newsletter_id: int, named: ColumnElement[bool]) -> None:
    found = session.execute(
        select(AuditEventRow, AccountRow.name)
        .outerjoin(AccountRow, AccountRow.id == AuditEventRow.actor_id)
        .where(
            AuditEventRow.action == Action.ISSUE_DELETE.value,
            AuditEventRow.newsletter_id == newsletter_id,
            named,
        )
        .order_by(AuditEventRow.id.desc())
        .limit(1)
    ).first()
    if found is not None:
        event, name = found
        title = str(event.details.get("title", ""))
        raise RemovedError(title=title, person=name or event.actor, at=event.occurred_at)


def record_on_issue(
    session: Session,
    actor: Actor,
    action: Action,
    issue: IssueRow,
    *,
    reason: str = "",
    details: Mapping[Detail, object] | None = None,
) -> None:
    """Write down an action on a stored issue; see `record_event`."""
    record_event(
        session,
        actor,
        action,
        object=f"issue {issue.slug}",
        newsletter_id=issue.newsletter_id,
        reason=reason,
        details=details,
    )


def _record(
    session: Session,
    actor: Actor,
    action: Action,
    draft: Draft,
    details: Mapping[Detail, object] | None = None,
) -> None:
    record_event(
        session,
        actor,
        action,
        object=f"draft {draft.id}",
        newsletter_id=draft.newsletter_id,
        details=details,
    )
