"""A newsletter's snippets, and where they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.control_characters import plain_name
from newsletter.database.tables import DraftRow, IssueRow, NewsletterRow, SnippetRow
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser
from newsletter.errors import SEE_ANEW, ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.messages import msg
from newsletter.issues.library.uses import forget_uses, record_uses
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import blocks_from_json, blocks_to_json, issue_from_json
from newsletter.issues.snippets import read_snippet, snippets_in

#: The maximum length of a name, and number of snippets per newsletter.
_LONGEST_NAME, _MOST = 80, 200


@dataclass(frozen=True, kw_only=True, slots=True)
class SnippetUse:
    """A draft (by id) or issue (by slug) that uses a snippet."""

    title: str
    draft_id: int | None = None
    issue: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptSnippet:
    """A snippet with its Markdown; the next change must name ``version``."""

    id: int
    name: str
    text: str
    version: int
    uses: tuple[SnippetUse, ...]


def list_snippets(session: Session, newsletter_id: int) -> tuple[KeptSnippet, ...]:
    """Return a newsletter's snippets by name, with where each is used."""
    rows = session.scalars(
        select(SnippetRow)
        .where(SnippetRow.newsletter_id == newsletter_id)
        .order_by(SnippetRow.name, SnippetRow.id)
    ).all()
    return tuple(
        KeptSnippet(
            id=row.id,
            name=row.name,
            text=blocks_to_markdown(blocks_from_json(row.content["blocks"])),
            version=row.version,
            uses=find_uses(session, newsletter_id, row.name),
        )
        for row in rows
    )


def find_uses(session: Session, newsletter_id: int, name: str) -> tuple[SnippetUse, ...]:
    """Return the drafts and issues that use a snippet, the newest first."""
    drafts = session.scalars(
        select(DraftRow)
        .where(DraftRow.newsletter_id == newsletter_id, _names_one(DraftRow.content))
        .order_by(DraftRow.id.desc())
    )
    issues = session.scalars(
        select(IssueRow)
        .where(IssueRow.newsletter_id == newsletter_id, _names_one(IssueRow.content))
        .order_by(IssueRow.id.desc())
    )
    return (
        *(
            SnippetUse(title=draft.content["title"], draft_id=draft.id)
            for draft in drafts
            if name in snippets_in(issue_from_json(draft.content))
        ),
        *(
            SnippetUse(title=issue.title, issue=issue.slug)
            for issue in issues
            if name in snippets_in(issue_from_json(issue.content))
        ),
    )


def _names_one(content: InstrumentedAttribute[dict[str, Any]]) -> ColumnElement[bool]:
    """Return the condition that an issue's JSON may contain a snippet."""
    return cast(content, Text).like('%"snippet"%')


def save_snippet(
    session: Session,
    actor: Actor,
    newsletter_id: int,
    *,
    name: str,
    text: str,
    number: int | None = None,
    version: int | None = None,
) -> SnippetRow:
    """Save a new snippet, or change the one with id ``number``; sent issues are not affected.

    Approved issues that use the snippet must be approved again.

    Raises:
        ContentError: The name or text is not valid; the place names the field.
        ConflictError: The name is taken, another person changed the snippet since ``version``,
            drafts use it by its old name, or there are too many.
        NotFoundError: There is no such snippet.
    """
    name = plain_name(name)
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ContentError(
            msg("A snippet's name has 1 to {limit} characters.", limit=_LONGEST_NAME),
            place=Place(source="snippet", field="name"),
        )
    content = {"blocks": blocks_to_json(read_snippet(text))}
    # Locked, so that concurrent calls cannot create two snippets with the same name.
    session.get_one(NewsletterRow, newsletter_id, with_for_update=True)
    row = _row_to_write(session, newsletter_id, number, version)
    same_name = select(SnippetRow.id).where(
        SnippetRow.newsletter_id == newsletter_id, SnippetRow.name == name
    )
    if (known := session.scalar(same_name)) is not None and known != row.id:
        raise ConflictError(
            msg("There is a snippet “{name}” already.", name=name),
            remedy=msg("Change that one, or choose another name."),
        )
    if row.name and row.name != name:
        _require_unused(session, newsletter_id, row.name)
    row.name, row.content, row.updated_at = name, content, now()
    session.add(row)
    session.flush()
    record_uses(session, newsletter_id, ContentUser.SNIPPET, row.id, content)
    record_event(
        session,
        actor,
        Action.SNIPPET_SAVE,
        object=f"snippet {name}",
        newsletter_id=newsletter_id,
        details={"text": text[:2000]},
    )
    return row


def _row_to_write(
    session: Session, newsletter_id: int, number: int | None, version: int | None
) -> SnippetRow:
    if number is None:
        kept = select(SnippetRow.id).where(SnippetRow.newsletter_id == newsletter_id)
        if len(session.scalars(kept).all()) >= _MOST:
            raise ConflictError(msg("A newsletter has at most {limit} snippets.", limit=_MOST))
        return SnippetRow(newsletter_id=newsletter_id, name="")
    row = find_snippet(session, newsletter_id, number)
    if version is not None and row.version != version:
        raise ConflictError(
            msg("Somebody else changed this snippet in the meantime."),
            remedy=SEE_ANEW,
        )
    return row


def delete_snippet(session: Session, actor: Actor, newsletter_id: int, number: int) -> None:
    """Delete a snippet; sent issues are not affected.

    Raises:
        ConflictError: A draft uses it.
        NotFoundError: There is no such snippet.
    """
    row = find_snippet(session, newsletter_id, number)
    _require_unused(session, newsletter_id, row.name)
    session.delete(row)
    forget_uses(session, ContentUser.SNIPPET, number)
    record_event(
        session,
        actor,
        Action.SNIPPET_DELETE,
        object=f"snippet {row.name}",
        newsletter_id=newsletter_id,
    )


def find_snippet_number(session: Session, newsletter_id: int, name: str) -> int | None:
    """Return the id of the snippet with a name; None if there is none."""
    return session.scalar(
        select(SnippetRow.id).where(
            SnippetRow.newsletter_id == newsletter_id, SnippetRow.name == name
        )
    )


def find_snippet(session: Session, newsletter_id: int, number: int) -> SnippetRow:
    """Return a newsletter's snippet by its id.

    Raises:
        NotFoundError: There is no such snippet.
    """
    row = session.get(SnippetRow, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("There is no such snippet."))
    return row


def _require_unused(session: Session, newsletter_id: int, name: str) -> None:
    drafts = [use for use in find_uses(session, newsletter_id, name) if use.draft_id]
    if drafts:
        raise ConflictError(
            msg("The draft “{title}” uses this snippet.", title=drafts[0].title),
            remedy=msg("Take it out there first."),
        )
