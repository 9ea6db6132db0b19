"""A newsletter's library: the pictures and files it has, found by words, with what uses each.

The content itself lies under its digest, once for all newsletters. Whose it is lies here, so that
no newsletter sees what another has, and what one deletes stays where another uses it.
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

#: Items of a page.
PAGE = 48
_LONGEST_NAME, _LONGEST_ALT, _MOST_WORDS = 120, 500, 8
#: Where the title of each user of content is; a draft's is in its value.
_TITLES: Mapping[ContentUser, tuple[InstrumentedAttribute[int], InstrumentedAttribute[Any]]] = {
    ContentUser.DRAFT: (DraftRow.id, DraftRow.content),
    ContentUser.ISSUE: (IssueRow.id, IssueRow.title),
    ContentUser.PATTERN: (IssuePatternRow.id, IssuePatternRow.name),
    ContentUser.SNIPPET: (SnippetRow.id, SnippetRow.name),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemUse:
    """What leads to an item.

    Attributes:
        number: Of a draft, an issue, a snippet or a pattern; of a mailing its issue's, or 0.
        title: What it is called; empty for a look and for notices.
    """

    used_by: ContentUser
    number: int
    title: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryItem:
    """A picture or file of a newsletter; sizes in octets and pixels."""

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
    """What an item is called, and what a picture shows."""

    name: str
    alt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryPage:
    """Some of what a search found, the newest first; ``total`` is all of it."""

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
    """Enter a picture or file into a newsletter's library.

    What is there already moves to the top, with the new alternative text where one is given.
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
    """Return what has all words of a query in its name or alternative text, the newest first."""
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
        NotFoundError: It has none of that number.
    """
    row = find_row(session, newsletter_id, number)
    return _item(row, _uses(session, newsletter_id, [row.digest]).get(row.digest, ()))


def find_row(session: Session, newsletter_id: int, number: int) -> LibraryItemRow:
    """Return the row of an item.

    Raises:
        NotFoundError: The newsletter has none of that number.
    """
    row = session.get(LibraryItemRow, number)
    if row is None or row.newsletter_id != newsletter_id:
        raise NotFoundError(msg("The library has no such picture or file."))
    return row


def item_words(*, name: str, alt: str) -> ItemWords:
    """Return a name and an alternative text as they are kept."""
    return ItemWords(
        name=plain_name(name)[:_LONGEST_NAME],
        alt=" ".join(alt.split())[:_LONGEST_ALT],
    )


def describe_item(row: LibraryItemRow, words: ItemWords) -> None:
    """Give an item another name and alternative text; where it stands already, these stay."""
    row.name, row.alt = words.name, words.alt
    row.words = _words(row.name, row.alt)


def hold_content(session: Session, digest: str) -> None:
    """Hold a picture or file until the transaction ends, so that no use of it is added."""
    for kept in (ImageRow.digest, FileRow.digest):
        session.execute(select(kept).where(kept == digest).with_for_update()).all()


def remove_item(session: Session, row: LibraryItemRow) -> None:
    """Take an item out of its library, and its content away where nothing else needs that."""
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
    """Return by digest what of a newsletter leads to it, what readers have first."""
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
    """Leave out the issue of a mailing, which is the same to people."""
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
