"""Searching what a newsletter's issues say, drafts and sent ones, by an index of their letters.

Words are compared folded: NFKC, without case, kana alike, blanks as one. A word is found wherever
it stands, however short, also where part of it is a link: Japanese has no blanks between words, and
many words of two letters. What an issue says in all its languages is kept folded beside it, and its
letters in an index (`newsletter.issues.search`), so that one statement finds the issues;
which part of an issue it is is then looked for in its value.

Japanese has no blanks between words, and many words of two letters: so what is indexed is each
letter and each pair of neighbours. A text that says a word has all the word's pairs; whether it
says the word itself is then asked of the text. On SQLite the index is a table of FTS5, on
PostgreSQL one of arrays with a GIN index (`newsletter.database.migrations`).
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

#: Words of a query beyond these, and letters of it, are not looked for.
_MOST_WORDS, _LONGEST = 8, 200
#: Issues looked into; the newest.
_MOST_ISSUES = 60
#: Of those that everybody may ask for, fewer: each is read.
MOST_PUBLIC = 20
#: Parts of issues that are returned.
MOST_HITS = 50
#: Candidates that are looked up one by one.
_FEW = 500
#: Letters around what was found.
_BEFORE, _AFTER = 24, 72


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A part of an issue that says what was looked for.

    Attributes:
        slug: The issue's name in addresses; empty of a draft.
        draft_id: Where it is written on; None of what was sent, or has no draft.
        anchor: The part's, in mail and editor; empty outside chapters.
        passage: What stands there: before it, the word itself, after it.
        language: The tag of the translation that says it; empty of the original.
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
    """Return all that an issue says in all its languages, folded, a text a line."""
    texts = (
        fold_words(text)
        for _, worded in _in_languages(issue)
        for _, text in walk_passages(worded, code=True)
    )
    return "\n".join(filter(None, dict.fromkeys(texts)))


def _in_languages(issue: Issue) -> Iterator[tuple[str, Issue]]:
    """Yield an issue and its translations, complete or not, with their tags."""
    yield "", issue
    for each in issue.translations:
        yield each.language, translated(issue, each.language)


def _as_sent(issue: Issue) -> Iterator[tuple[str, Issue]]:
    """Yield what everybody gets of an issue, in each language that readers get, with its tag."""
    yield "", select_parts(issue, ())
    for condition in language_conditions(issue):
        yield language_met((condition,)), select_parts(issue, (condition,))


def _terms(query: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fold_words(query[:_LONGEST]).split()))[:_MOST_WORDS]


def search_issues(
    session: Session, newsletter_id: int, query: str, *, limit: int = MOST_HITS
) -> Sequence[Hit]:
    """Return the parts of a newsletter's issues that say all words of a query, the newest first.

    Where no part of an issue says all of them, the parts that say one of them are returned.
    """
    terms = _terms(query)
    if not terms:
        return ()
    found: list[Hit] = []
    for hits in _issues(session, newsletter_id, terms):
        found.extend(hits)
        if len(found) >= limit:
            break
    return found[:limit]


def search_among(
    session: Session, issues: SelectBase, query: str, *, chapter: str = "", limit: int = MOST_HITS
) -> Sequence[Hit]:
    """Return the parts of some issues that say all words of a query, the newest first.

    Args:
        session: A session.
        issues: A query for the numbers of the issues to look into.
        query: The words; without any, each chapter of that name is found.
        chapter: The heading of the chapters to look into; empty for all.
        limit: How many parts to return.
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
        # What is for some readers alone is not for everybody to find.
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
    return found[:limit]


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
    """Return the condition that the index has all words; by numbers where these are few.

    PostgreSQL takes comparing texts for cheap and would begin with all of them.
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
    """Return where the first of an issue's languages says all the words, or else one."""
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
    """Return the parts that say all the words, or else one of them, and whether it is all."""
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
    """Return the first place that says a word, with what stands around it."""
    for _, passage in texts:
        shown = " ".join(normal_form(passage).split())
        # A letter may be folded into several, such as ß: each knows whence it is.
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


#: Of a word that is looked for, so many pairs are asked of the index.
_MOST_PAIRS = 24


class Indexed(IntEnum):
    """What is indexed; stored with its number, so never renumber one."""

    DRAFT = 0
    ISSUE = 1


def index_words(session: Session, what: Indexed, number: int, words: str) -> None:
    """Index what a draft or an issue says, folded, in place of what it said before."""
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
    """Take a draft or an issue out of the index."""
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
    """Return a query for the numbers of all drafts or issues that may say all of some words."""
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
