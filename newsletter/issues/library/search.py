"""A newsletter's library: searching its pictures and files, and their uses.

The content is stored by its digest, once for all newsletters. Each newsletter has its own entries,
so that none sees another's, and content deleted by one remains if another one uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.control_characters import plain_name
from newsletter.database.folding import fold_words
from newsletter.database.tables import (
    ContentUseRow,
    DraftRow,
    FileRow,
    ImageRow,
    IssuePatternRow,
    IssueRow,
    LibraryItemRow,
    MailingRow,
    SnippetRow,
)
from newsletter.database.types import now
from newsletter.database.vocabulary import ContentUser, LibraryKind
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg

#: The number of items per page.
PAGE = 48
_LONGEST_NAME, _LONGEST_ALT, _MOST_WORDS = 120, 500, 8
#: The columns with id and title of each kind of user; a draft's title is in its JSON.
_TITLES: Mapping[ContentUser, tuple[InstrumentedAttribute[int], InstrumentedAttribute[Any]]] = {
    ContentUser.DRAFT: (DraftRow.id, DraftRow.content),
    ContentUser.ISSUE: (IssueRow.id, IssueRow.title),
    ContentUser.PATTERN: (IssuePatternRow.id, IssuePatternRow.name),
    ContentUser.SNIPPET: (SnippetRow.id, SnippetRow.name),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemUse:
    """A use of an item.

    Attributes:
        number: The id of a draft, issue, snippet or pattern; for a mailing, its issue's, or 0.
        title: The user's title; empty for a look and for notices.
    """

    used_by: ContentUser
    number: int
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryItem:
    """A picture or file of a newsletter; sizes in bytes and pixels."""

    id: int
    kind: LibraryKind
    digest: str
    path: str
    name: str
    alt: str
    media_type: str
    size: int
    width: int
    height: int
    created_at: datetime
    uses: tuple[ItemUse, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemWords:
    """The name and alternative text of an item."""

    name: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryPage:
    """A page of search results, the newest first; ``total`` counts all results."""

    items: tuple[LibraryItem, ...]
    total: int


def keep_item(
    session: Session,
    newsletter_id: int,
    *,
    kind: LibraryKind,
    digest: str,
    path: str,
    name: str,
    media_type: str,
    size: int,
    alt: str = "",
    width: int = 0,
    height: int = 0,
) -> None:
    """Add a picture or file to a newsletter's library.

    An existing entry moves to the top, with the new alternative text if one is given.
    """
    name, alt = name.strip()[-_LONGEST_NAME:], alt.strip()[:_LONGEST_ALT]
    values = {
        "newsletter_id": newsletter_id,
        "kind": kind,
        "digest": digest,
        "path": path,
        "name": name,
        "alt": alt,
        "media_type": media_type,
        "size": size,
        "width": width,
        "height": height,
        "words": _words(name, alt),
        "created_at": now(),
    }
    postgres = session.get_bind().dialect.name == "postgresql"
    insert = (postgresql.insert if postgres else sqlite.insert)(LibraryItemRow)
    changed = {"created_at": insert.excluded.created_at}
    if alt:
        changed |= {name: insert.excluded[name] for name in ("name", "alt", "words")}
    session.connection().execute(
        insert.values(**values).on_conflict_do_update(
            index_elements=["newsletter_id", "digest"], set_=changed
        )
    )


def _words(name: str, alt: str) -> str:
    return f"{fold_words(name)}\n{fold_words(alt)}"


def search_library(
    session: Session,
    newsletter_id: int,
    query: str = "",
    *,
    kind: LibraryKind | None = None,
    page: int = 1,
    with_uses: bool = True,
) -> LibraryPage:
    """Return the items with all terms of a query in name or alternative text, the newest first."""
    conditions = [LibraryItemRow.newsletter_id == newsletter_id]
    if kind is not None:
        conditions.append(LibraryItemRow.kind == kind)
    conditions += [
        LibraryItemRow.words.contains(term, autoescape=True)
        for term in fold_words(query).split()[:_MOST_WORDS]
    ]
    total = session.scalar(select(func.count()).select_from(LibraryItemRow).where(*conditions)) or 0
    rows = session.scalars(
        select(LibraryItemRow)
        .where(*conditions)
        .order_by(LibraryItemRow.created_at.desc(), LibraryItemRow.id.desc())
        .offset(PAGE * (page - 1))
        .limit(PAGE)
    ).all()
    uses = _uses(session, newsletter_id, [row.digest for row in rows]) if with_uses else {}
    return LibraryPage(
        items=tuple(_item(row, uses.get(row.digest, ())) for row in rows), total=total
    )


def get_item(session: Session, newsletter_id: int, number: int) -> LibraryItem:
    """Return an item of a newsletter.

    Raises:
        NotFoundError: The newsletter has no such item.
    """
    row = find_row(session, newsletter_id, number)
    return _item(row, _uses(session, newsletter_id, [row.digest]).get(row.digest, ()))


def find_row(session: Session, newsletter_id: int, number: int) -> LibraryItemRow:
    """Return the row of an item.

    Raises:
        NotFoundError: The newsletter has no such item.
    """
    row = session.get(LibraryItemRow, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("The library has no such picture or file."))
    return row


def item_words(*, name: str, alt: str) -> ItemWords:
    """Return name and alternative text in their stored form."""
    return ItemWords(
        name=plain_name(name)[:_LONGEST_NAME],
        alt=" ".join(alt.split())[:_LONGEST_ALT],
    )


def describe_item(row: LibraryItemRow, words: ItemWords) -> None:
    """Change the name and alternative text of an item; issues that use it are not changed."""
    row.name, row.alt = words.name, words.alt
    row.words = _words(row.name, row.alt)


def hold_content(session: Session, digest: str) -> None:
    """Lock a picture or file until the transaction ends, so that no use can be added."""
    for kept in (ImageRow.digest, FileRow.digest):
        session.execute(select(kept).where(kept == digest).with_for_update()).all()


def remove_item(session: Session, row: LibraryItemRow) -> None:
    """Remove an item from its library, and delete its content if nothing else uses it."""
    digest, newsletter_id = row.digest, row.newsletter_id
    session.delete(row)
    session.flush()
    used = exists().where(ContentUseRow.digest == digest)
    if session.scalar(select(used)):
        return
    session.execute(
        delete(FileRow).where(FileRow.digest == digest, FileRow.newsletter_id == newsletter_id)
    )
    elsewhere = exists().where(LibraryItemRow.digest == digest)
    if not session.scalar(select(elsewhere)):
        session.execute(delete(ImageRow).where(ImageRow.digest == digest))


def _item(row: LibraryItemRow, uses: Iterable[ItemUse]) -> LibraryItem:
    return LibraryItem(
        id=row.id,
        kind=row.kind,
        digest=row.digest,
        path=row.path,
        name=row.name,
        alt=row.alt,
        media_type=row.media_type,
        size=row.size,
        width=row.width,
        height=row.height,
        created_at=row.created_at,
        uses=tuple(uses),
    )


def _uses(
    session: Session, newsletter_id: int, digests: Sequence[str]
) -> Mapping[str, Sequence[ItemUse]]:
    """Return the uses within a newsletter, by digest; content that readers have comes first."""
    rows = session.execute(
        select(ContentUseRow.digest, ContentUseRow.used_by, ContentUseRow.number)
        .where(ContentUseRow.newsletter_id == newsletter_id, ContentUseRow.digest.in_(digests))
        .order_by(ContentUseRow.number.desc())
    ).all()
    numbers: dict[ContentUser, set[int]] = {}
    for _digest, used_by, number in rows:
        numbers.setdefault(used_by, set()).add(number)
    mailings = _mailings(session, numbers.get(ContentUser.MAILING, set()))
    titles = {
        used_by: _titles(session, number, title, numbers.get(used_by, set()))
        for used_by, (number, title) in _TITLES.items()
    }
    found: dict[str, dict[tuple[ContentUser, int], ItemUse]] = {}
    for digest, used_by, number in rows:
        issue, title = mailings.get(number, (0, "")) if used_by is ContentUser.MAILING else (0, "")
        number_of_issue = issue if used_by is ContentUser.MAILING else number
        use = ItemUse(
            used_by=used_by,
            number=number_of_issue,
            title=title or titles.get(used_by, {}).get(number, ""),
        )
        found.setdefault(digest, {})[used_by, number_of_issue] = use
    return {digest: _without_doubles(uses) for digest, uses in found.items()}


def _without_doubles(uses: Mapping[tuple[ContentUser, int], ItemUse]) -> Sequence[ItemUse]:
    """Return uses without the issue of a mailing, which is the same for users."""
    order = list(ContentUser)
    kept = [
        use
        for use in uses.values()
        if use.used_by is not ContentUser.ISSUE or (ContentUser.MAILING, use.number) not in uses
    ]
    return sorted(kept, key=lambda use: order.index(use.used_by))


def _mailings(session: Session, numbers: Iterable[int]) -> dict[int, tuple[int, str]]:
    rows = session.execute(
        select(MailingRow.id, MailingRow.issue_id, MailingRow.title).where(
            MailingRow.id.in_(numbers)
        )
    )
    return {number: (issue or 0, title) for number, issue, title in rows}


def _titles(
    session: Session,
    number: InstrumentedAttribute[int],
    title: InstrumentedAttribute[Any],
    numbers: Iterable[int],
) -> dict[int, str]:
    rows = session.execute(select(number, title).where(number.in_(numbers))).all()
    return {
        number: str(value["title"] if isinstance(value, dict) else value) for number, value in rows
    }
