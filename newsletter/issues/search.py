"""Full-text search in a newsletter's drafts and issues.

Texts are compared folded: NFKC, without case, hiragana for katakana, single spaces. Search terms
are found anywhere in a text, even if they are short or partly within a link: Japanese has no spaces
between words, and many words of two characters. The folded text of an issue in all its languages is
stored with it. The index has each character and each pair of neighbouring characters. A text that
contains a term has all its pairs; the text itself is compared afterwards, and the part of the issue
is then determined. The index is an FTS5 table on SQLite, and a table of arrays with a GIN index on
PostgreSQL (`newsletter.database.migrations`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import IntEnum
from itertools import pairwise

from sqlalchemy import BigInteger, ColumnElement, Select, SelectBase, column, exists, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletter.database.folding import fold_letters, fold_words, fts_words
from newsletter.database.tables import DraftRow, IssueRow, MailingRow
from newsletter.i18n.normal_form import normal_form
from newsletter.issues.checks.findings import IssuePlace
from newsletter.issues.conditions import select_parts
from newsletter.issues.model import Issue, issue_from_json
from newsletter.issues.outline import chapter_anchor
from newsletter.issues.sent import keeps_its_issue
from newsletter.issues.translations import language_conditions, language_met, translated
from newsletter.issues.walking import walk_passages

#: The maximum number of terms, and the maximum length of a query; the rest is ignored.
_MOST_WORDS, _LONGEST = 8, 200
#: The maximum number of issues that are examined, the newest first.
_MOST_ISSUES = 60
#: The same for public searches.
MOST_PUBLIC = 20
#: The maximum number of results.
MOST_HITS = 50
#: The maximum number of candidates that are looked up by id.
_FEW = 500
#: Characters of context before and after the found term.
_BEFORE, _AFTER = 24, 72


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A search result: a part of an issue.

    Attributes:
        slug: The issue's slug; empty for a draft.
        draft_id: The draft; None for a sent issue, or one without a draft.
        anchor: The anchor of the part; empty outside chapters.
        passage: The text before the term, the term, and the text after it.
        language: The tag of the translation with the term; empty for the original.
    """

    draft_id: int | None
    issue_id: int | None
    sent: bool
    title: str
    issue_date: date
    anchor: str
    heading: str
    passage: tuple[str, str, str]
    slug: str = ""
    language: str = ""


def words_of(issue: Issue) -> str:
    """Return the whole text of an issue in all its languages, folded, one text per line."""
    texts = (
        fold_words(text)
        for _, worded in _in_languages(issue)
        for _, text in walk_passages(worded, code=True)
    )
    return "\n".join(filter(None, dict.fromkeys(texts)))


def _in_languages(issue: Issue) -> Iterator[tuple[str, Issue]]:
    """Yield an issue and its translations, even incomplete ones, with their tags."""
    yield "", issue
    for each in issue.translations:
        yield each.language, translated(issue, each.language)


def _as_sent(issue: Issue) -> Iterator[tuple[str, Issue]]:
    """Yield the parts for all readers, in each complete language, with its tag."""
    yield "", select_parts(issue, ())
    for condition in language_conditions(issue):
        yield language_met((condition,)), select_parts(issue, (condition,))


def _terms(query: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fold_words(query[:_LONGEST]).split()))[:_MOST_WORDS]


def search_issues(session: Session, newsletter_id: int, query: str) -> Sequence[Hit]:
    """Return the parts of issues that contain all terms of a query, the newest first.

    If no part of an issue contains all of them, the parts with one of them are returned.
    """
    terms = _terms(query)
    if not terms:
        return ()
    found: list[Hit] = []
    for hits in _issues(session, newsletter_id, terms):
        found.extend(hits)
        if len(found) >= MOST_HITS:
            break
    return found[:MOST_HITS]


def search_among(
    session: Session, issues: SelectBase, query: str, *, chapter: str = ""
) -> Sequence[Hit]:
    """Return the parts of selected issues that contain all terms of a query, the newest first.

    Args:
        session: The database session.
        issues: A query for the ids of the issues to search.
        query: The search terms; without any, all chapters with the given heading are returned.
        chapter: The heading of the chapters to search; empty for all.
    """
    terms = _terms(query)
    asked = fold_words(chapter[:_LONGEST])
    if not terms and not asked:
        return ()
    required = terms or tuple(asked.split())
    rows = session.scalars(
        select(IssueRow)
        .where(
            IssueRow.id.in_(issues),
            IssueRow.id.in_(candidates(session, Indexed.ISSUE, required)),
            *_holds_each(IssueRow.words, required),
        )
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
        .limit(MOST_PUBLIC)
    )
    found: list[Hit] = []
    for row in rows:
        # Parts with conditions must not be found by everybody.
        languages = tuple(_as_sent(issue_from_json(row.content)))
        chapters = {
            chapter_anchor(at)
            for at, each in enumerate(languages[0][1].chapters, start=1)
            if fold_words(each.heading) == asked
        }

        def is_within(anchor: str, chapters: Collection[str] = chapters) -> bool:
            return not asked or (anchor.partition("-")[0] if terms else anchor) in chapters

        hits = _hits(languages, required, None, row.id, sent=True, within=is_within)
        found.extend(replace(hit, slug=row.slug) for hit in hits)
    return found[:MOST_HITS]


def _issues(
    session: Session, newsletter_id: int, terms: tuple[str, ...]
) -> Iterator[Sequence[Hit]]:
    kept = exists().where(MailingRow.issue_id == IssueRow.id, keeps_its_issue())
    edited = exists().where(DraftRow.issue_id == IssueRow.id)
    issues = session.execute(
        select(IssueRow, kept)
        .where(
            IssueRow.newsletter_id == newsletter_id,
            IssueRow.corrects.is_(None),
            kept | ~edited,
            _may_hold(session, IssueRow.id, Indexed.ISSUE, terms),
            *_holds_each(IssueRow.words, terms),
        )
        .order_by(IssueRow.issue_date.desc(), IssueRow.id.desc())
        .limit(_MOST_ISSUES)
    ).all()
    of_kept = exists().where(MailingRow.issue_id == DraftRow.issue_id, keeps_its_issue())
    drafts = session.scalars(
        select(DraftRow)
        .where(
            DraftRow.newsletter_id == newsletter_id,
            ~of_kept,
            _may_hold(session, DraftRow.id, Indexed.DRAFT, terms),
            *_holds_each(DraftRow.words, terms),
        )
        .order_by(DraftRow.updated_at.desc(), DraftRow.id.desc())
        .limit(_MOST_ISSUES)
    ).all()
    for draft in drafts:
        languages = _in_languages(issue_from_json(draft.content))
        yield _hits(languages, terms, draft.id, draft.issue_id, sent=False)
    for row, sent in issues:
        languages = _in_languages(issue_from_json(row.content))
        yield _hits(languages, terms, None, row.id, sent=bool(sent))


def _may_hold(
    session: Session,
    number: InstrumentedAttribute[int],
    what: Indexed,
    terms: tuple[str, ...],
) -> ColumnElement[bool]:
    """Return the condition that the index has all terms; as a list of ids if these are few.

    PostgreSQL underestimates the cost of comparing texts, and would otherwise begin with that.
    """
    found = candidates(session, what, terms)
    numbers = session.scalars(found.limit(_FEW + 1)).all()
    return number.in_(numbers) if len(numbers) <= _FEW else number.in_(found)


def _holds_each(
    column: InstrumentedAttribute[str], terms: Iterable[str]
) -> list[ColumnElement[bool]]:
    return [column.contains(term, autoescape=True) for term in terms]


def _hits(
    languages: Iterable[tuple[str, Issue]],
    terms: tuple[str, ...],
    draft_id: int | None,
    issue_id: int | None,
    *,
    sent: bool,
    within: Callable[[str], bool] = lambda _anchor: True,
) -> Sequence[Hit]:
    """Return the results in the first language of an issue that has all terms, or else one."""
    some: Sequence[Hit] = ()
    for tag, issue in languages:
        all_said, hits = _hits_in(issue, terms, draft_id, issue_id, sent=sent, within=within)
        if all_said:
            return [replace(hit, language=tag) for hit in hits]
        some = some or [replace(hit, language=tag) for hit in hits]
    return some


def _hits_in(
    issue: Issue,
    terms: tuple[str, ...],
    draft_id: int | None,
    issue_id: int | None,
    *,
    sent: bool,
    within: Callable[[str], bool],
) -> tuple[bool, Sequence[Hit]]:
    """Return the parts with all terms, or else with one, and whether all were found."""
    texts: dict[str, list[tuple[IssuePlace, str]]] = {}
    for place, passage in walk_passages(issue, code=True):
        if within(place.anchor):
            texts.setdefault(place.anchor, []).append((place, passage))
    folded = {
        anchor: fold_words(" ".join(text for _, text in all_)) for anchor, all_ in texts.items()
    }
    whole = [anchor for anchor, text in folded.items() if all(term in text for term in terms)]
    some = [anchor for anchor, text in folded.items() if any(term in text for term in terms)]
    return bool(whole), [
        Hit(
            draft_id=draft_id,
            issue_id=issue_id,
            sent=sent,
            title=issue.title,
            issue_date=issue.issue_date,
            anchor=anchor,
            heading=texts[anchor][0][0].heading,
            passage=_passage(texts[anchor], terms),
        )
        for anchor in whole or some
    ]


def _passage(
    texts: Iterable[tuple[IssuePlace, str]], terms: tuple[str, ...]
) -> tuple[str, str, str]:
    """Return the first occurrence of a term, with its context."""
    for _, passage in texts:
        shown = " ".join(normal_form(passage).split())
        # Folding may turn a character into several, such as ß; each has its original position.
        letters = [(letter, at) for at, each in enumerate(shown) for letter in fold_letters(each)]
        folded = "".join(letter for letter, _ in letters)
        for term in terms:
            first = folded.find(term)
            if first < 0:
                continue
            at, end = letters[first][1], letters[first + len(term) - 1][1] + 1
            start = max(0, at - _BEFORE)
            before = ("…" if start else "") + shown[start:at]
            after = shown[end : end + _AFTER] + ("…" if len(shown) > end + _AFTER else "")
            return before, shown[at:end], after
    return "", "", ""


#: The maximum number of pairs of a term that are looked up in the index.
_MOST_PAIRS = 24


class Indexed(IntEnum):
    """The kind of an indexed object; values are stored, so never change one."""

    DRAFT = 0
    ISSUE = 1


def index_words(session: Session, what: Indexed, number: int, words: str) -> None:
    """Update the index with the folded text of a draft or issue."""
    forget_words(session, what, number)
    letters = sorted(_letters_of(words))
    if _is_postgresql(session):
        session.execute(
            text(
                "INSERT INTO word_index (what, number, letters) VALUES (:what, :number, :letters)"
            ),
            {"what": int(what), "number": number, "letters": letters},
        )
    else:
        session.execute(
            text("INSERT INTO word_index (rowid, letters) VALUES (:row, :letters)"),
            {"row": 2 * number + what, "letters": fts_words(letters)},
        )


def forget_words(session: Session, what: Indexed, number: int) -> None:
    """Remove a draft or issue from the index."""
    if _is_postgresql(session):
        session.execute(
            text("DELETE FROM word_index WHERE what = :what AND number = :number"),
            {"what": int(what), "number": number},
        )
    else:
        session.execute(
            text("DELETE FROM word_index WHERE rowid = :row"), {"row": 2 * number + what}
        )


def candidates(session: Session, what: Indexed, terms: Iterable[str]) -> Select[tuple[int]]:
    """Return a query for the ids of drafts or issues that may contain all terms."""
    letters = sorted({each for term in terms for each in _asked_of(term)})
    if _is_postgresql(session):
        found = text(
            "SELECT number FROM word_index WHERE what = :what AND letters @> CAST(:asked AS text[])"
        ).bindparams(what=int(what), asked=letters)
    else:
        found = text(
            "SELECT rowid / 2 AS number FROM word_index"
            " WHERE word_index MATCH :asked AND rowid % 2 = :what"
        ).bindparams(what=int(what), asked=fts_words(letters))
    return found.columns(column("number", BigInteger)).subquery().select()


def _letters_of(words: str) -> set[str]:
    found: set[str] = set()
    for word in set(words.split()):
        found.update(word)
        found.update(map("".join, pairwise(word)))
    return found


def _asked_of(term: str) -> Iterable[str]:
    return [term] if len(term) == 1 else list(map("".join, pairwise(term)))[:_MOST_PAIRS]


def _is_postgresql(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"
