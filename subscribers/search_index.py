"""The search index of people: the n-grams of addresses, names and values of fields.

Triggers of the database record each changed person in ``person_words_due``, in the transaction of
the change, and remove erased people from the index at once. Workers index the recorded people;
until then, a search checks these one by one. A search therefore finds the same people as a scan of
everybody, whichever code writes to the tables, and even if a worker is killed.

`part_of` is the search for a part of an address, of a name or of the value of a field.
"""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, repeat

from sqlalchemy import (
    ColumnElement,
    Engine,
    Row,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import TextualSelect, literal_column

from newsletter.addresses import as_kept
from newsletter.database.engine import reading, transaction
from newsletter.database.folding import (
    Folded,
    fold_case,
    fold_text,
    folded_for,
    fts_words,
    grams_asked,
    grams_of,
)
from newsletter.database.tables import NewsletterRow, SubscriberRow, SubscriptionRow
from newsletter.database.vocabulary import FieldType
from subscribers.fields.store import AttributeText, Position, has_option, list_fields

#: People indexed in one transaction, which takes a few tenths of a second.
_AT_ONCE = 1000
#: While more of a newsletter's people than this are to be indexed, everybody is scanned instead.
_MOST_DUE = 5000
#: Pages of SQLite's index merged in one transaction.
_MERGED_PAGES = 500
#: The largest number of people that a condition lists by id.
_MOST_NAMED = 2000
#: Number of the advisory lock. Only one process indexes at a time; otherwise an older text of a
#: person might be written last.
_LOCK = 7_226_406
#: SQLSTATEs of a lock timeout and of a deadlock with another transaction.
_HELD = frozenset({"55P03", "40P01"})
#: Indexing yields to transactions that change people.
_IMPATIENT = text("SELECT set_config('lock_timeout', '200ms', true)")
#: Row ids in SQLite's index are the newsletter's id, shifted by this many bits, plus the person's.
_SHIFT = 40

#: A person's values as texts, one per line; the items of a list value also one per line.
_VALUES = {
    "postgresql": """CASE WHEN subscription.attributes::text <> '{}' THEN (
        SELECT string_agg(one, E'\\n') FROM (
            SELECT value AS one FROM json_each_text(subscription.attributes)
            UNION ALL SELECT item FROM json_each(subscription.attributes) AS held(key, list)
            CROSS JOIN LATERAL json_array_elements_text(
                CASE json_typeof(list) WHEN 'array' THEN list ELSE '[]' END) AS item
        ) AS texts) END""",
    "sqlite": """CASE WHEN subscription.attributes <> '{}' THEN (
        SELECT group_concat(CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
            ELSE value END, char(10))
        FROM json_tree(subscription.attributes) WHERE parent IS NOT NULL) END""",
}


def index_people(engine: Engine, *, seconds: float) -> bool:
    """Index changed people for a number of seconds; return whether all of them are indexed.

    Any number of processes may call this at once, and each may be killed at any moment.
    """
    until = time.monotonic() + seconds
    while True:
        with reading(engine) as session:
            if session.scalar(_IS_ANY_DUE[engine.dialect.name]) is None:
                return True
        if not _index_some(engine) or time.monotonic() > until:
            return False


def reindex_people(engine: Engine, newsletter_id: int) -> None:
    """Record all people of a newsletter for indexing; until then a search scans everybody."""
    with transaction(engine, long=True) as session:
        for statement in _REINDEX[engine.dialect.name]:
            session.execute(text(statement), {"newsletter": newsletter_id})


def tidy_index(engine: Engine) -> None:
    """Merge the segments of SQLite's index, so that its file holds no data of removed people.

    FTS5 only records a removal, and keeps the text in an older segment until both are merged. The
    merge runs in short transactions. PostgreSQL needs no such call (autovacuum).
    """
    if engine.dialect.name != "sqlite":
        return
    pages, is_merged = -_MERGED_PAGES, False
    while not is_merged:
        with transaction(engine) as session:
            before = session.scalar(text("SELECT total_changes()")) or 0
            session.execute(_MERGE, {"pages": pages})
            # The merge command itself counts as one change.
            is_merged = (session.scalar(text("SELECT total_changes()")) or 0) - before <= 1
        pages = _MERGED_PAGES


_MERGE = text("INSERT INTO person_words_grams (person_words_grams, rank) VALUES ('merge', :pages)")


def _index_some(engine: Engine) -> bool:
    """Index some changed people; return False if another process is indexing."""
    try:
        with transaction(engine) as session:
            if engine.dialect.name == "postgresql":
                return _index_postgresql(session)
            _index_sqlite(session)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in _HELD:
            raise
        return False
    return True


_IS_ANY_DUE = {
    "postgresql": text("SELECT 1 FROM person_words_due LIMIT 1"),
    "sqlite": text(
        """SELECT 1 FROM person_words_due
        UNION ALL SELECT 1 FROM newsletter AS n
        LEFT JOIN person_words_upto AS done ON done.newsletter_id = n.id
        WHERE EXISTS (SELECT 1 FROM subscription AS s WHERE s.newsletter_id = n.id
            AND s.subscriber_id > coalesce(done.upto, 0))
        LIMIT 1"""
    ),
}
_REINDEX = {
    "postgresql": (
        """INSERT INTO person_words_due (newsletter_id, people)
        SELECT newsletter_id, array_agg(subscriber_id)
        FROM (SELECT newsletter_id, subscriber_id FROM subscription
            WHERE newsletter_id = :newsletter
            UNION SELECT newsletter_id, subscriber_id FROM person_words
            WHERE newsletter_id = :newsletter) AS everybody
        GROUP BY newsletter_id, subscriber_id / 2000""",
    ),
    "sqlite": (
        "UPDATE person_words_upto SET upto = 0 WHERE newsletter_id = :newsletter",
        """INSERT OR IGNORE INTO person_words_due
        SELECT :newsletter, id - (:newsletter << 40) FROM person_words
        WHERE id > (:newsletter << 40) AND id < ((:newsletter + 1) << 40)""",
    ),
}

#: The oldest records that together name at most about this many people; the last one may name
#: 2,000.
_TAKE_DUE = text(
    """DELETE FROM person_words_due WHERE id IN (
        SELECT id FROM (
            SELECT id, sum(cardinality(people)) OVER (ORDER BY id) - cardinality(people) AS before
            FROM (SELECT id, people FROM person_words_due ORDER BY id LIMIT :count) AS oldest
        ) AS counted WHERE before < :count)
    RETURNING newsletter_id, people"""
)
_FORGET = text(
    """DELETE FROM person_words WHERE newsletter_id = :newsletter
    AND subscriber_id = ANY(:people)"""
)
#: Arrays of different lengths cannot be unnested together, so each array is passed as text.
_KEEP = text(
    """INSERT INTO person_words (newsletter_id, subscriber_id, grams)
    SELECT :newsletter, person, CAST(grams AS integer[])
    FROM unnest(CAST(:people AS bigint[]), CAST(:grams AS text[])) AS found(person, grams)"""
)


def _index_postgresql(session: Session) -> bool:
    if not session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}):
        return False
    session.execute(_IMPATIENT)
    due: dict[int, set[int]] = {}
    for note in session.execute(_TAKE_DUE, {"count": _AT_ONCE}).all():
        due.setdefault(note.newsletter_id, set()).update(note.people)
    for newsletter_id, numbers in due.items():
        people = sorted(numbers)
        session.execute(_FORGET, {"newsletter": newsletter_id, "people": people})
        rows = _texts(session, newsletter_id, people)
        session.execute(
            _KEEP,
            {
                "newsletter": newsletter_id,
                "people": [row.subscriber_id for row in rows],
                "grams": [
                    str({_hashed(newsletter_id, gram) for gram in grams_of(_words_of(row))})
                    for row in rows
                ],
            },
        )
    return True


@lru_cache(maxsize=200_000)
def _hashed(newsletter_id: int, gram: str) -> int:
    """Return the hash of a newsletter's n-gram as a signed 32-bit integer.

    Collisions do no harm, since the found people are also checked by their text.
    """
    return zlib.crc32(f"{newsletter_id} {gram}".encode()) - (1 << 31)


_UPTO = text(
    """INSERT INTO person_words_upto VALUES (:newsletter, :upto)
    ON CONFLICT (newsletter_id) DO UPDATE SET upto = excluded.upto"""
)
_DUE_SQLITE = text("SELECT newsletter_id, subscriber_id FROM person_words_due LIMIT :count")
_BEYOND = text(
    """SELECT s.newsletter_id, s.subscriber_id FROM newsletter AS n
    LEFT JOIN person_words_upto AS done ON done.newsletter_id = n.id
    CROSS JOIN subscription AS s
    WHERE s.newsletter_id = n.id AND s.subscriber_id > coalesce(done.upto, 0)
    ORDER BY s.newsletter_id, s.subscriber_id LIMIT :count"""
)


_FORGET_SQLITE = text("DELETE FROM person_words WHERE id IN :numbers").bindparams(
    bindparam("numbers", expanding=True)
)
_TAKE_SQLITE = text(
    """DELETE FROM person_words_due
    WHERE newsletter_id = :newsletter AND subscriber_id IN :numbers"""
).bindparams(bindparam("numbers", expanding=True))


def _index_sqlite(session: Session) -> None:
    due: dict[int, list[int]] = {}
    for row in session.execute(_DUE_SQLITE, {"count": _AT_ONCE}).all():
        due.setdefault(row.newsletter_id, []).append(row.subscriber_id)
    beyond: dict[int, list[int]] = {}
    if not due:
        for row in session.execute(_BEYOND, {"count": _AT_ONCE}).all():
            beyond.setdefault(row.newsletter_id, []).append(row.subscriber_id)
    for newsletter_id, people in (due or beyond).items():
        first = newsletter_id << _SHIFT
        session.execute(_FORGET_SQLITE, {"numbers": [first + number for number in people]})
        if due:
            session.execute(_TAKE_SQLITE, {"newsletter": newsletter_id, "numbers": people})
        rows = [
            {"id": first + row.subscriber_id, "words": _words_of(row)}
            for row in _texts(session, newsletter_id, people)
        ]
        if rows:
            put = text("INSERT INTO person_words VALUES (:id, :words)")
            session.connection().execute(put, rows)
        if beyond:
            session.execute(_UPTO, {"newsletter": newsletter_id, "upto": people[-1]})


def _texts(
    session: Session, newsletter_id: int, people: Sequence[int]
) -> Sequence[Row[int, str, str, str]]:
    """Return the folded texts of people, without erased people."""
    values = literal_column(_VALUES[session.get_bind().dialect.name], Text)
    return session.execute(
        select(
            SubscriptionRow.subscriber_id,
            func.coalesce(SubscriberRow.address_key, "").label("address_key"),
            Folded(SubscriptionRow.name).label("name"),
            Folded(values).label("texts"),
        )
        .join(SubscriberRow, SubscriberRow.id == SubscriptionRow.subscriber_id)
        .where(
            SubscriptionRow.newsletter_id == newsletter_id,
            SubscriptionRow.subscriber_id.in_(people),
            SubscriberRow.address_key.is_not(None),
        )
    ).all()


def _words_of(row: Row[int, str, str, str]) -> str:
    return "\n".join(filter(None, (row.address_key, row.name, row.texts)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidates:
    """The people who may match one of several parts: all who do, and few others.

    Attributes:
        due: The people who are not indexed yet, in descending order of their ids.
    """

    session: Session
    newsletter_id: int
    asked: Sequence[Sequence[str]]
    due: Sequence[int]

    def before(self, number: int, *, limit: int) -> Sequence[int]:
        """Return up to ``limit`` people with smaller ids than a person's, in descending order."""
        found = self.session.scalars(
            self._indexed(
                " AND {person} < :before ORDER BY {person} DESC LIMIT :limit",
                before=number,
                limit=limit,
            )
        ).all()
        last = found[-1] if len(found) == limit else 0
        merged = {*found, *(one for one in self.due if last < one < number)}
        return sorted(merged, reverse=True)[:limit]

    def all_before(self, number: int, *, sizes: Sequence[int]) -> Iterator[Sequence[int]]:
        """Yield all people with smaller ids, in groups of these sizes; the last size repeats."""
        for size in chain(sizes, repeat(sizes[-1])):
            numbers = self.before(number, limit=size)
            if numbers:
                yield numbers
            if len(numbers) < size:
                return
            number = numbers[-1]

    @property
    def are_many(self) -> bool:
        """Whether they are more than a condition can list by id."""
        return len(self.before(1 << _SHIFT, limit=_MOST_NAMED + 1)) > _MOST_NAMED

    def clause(self) -> ColumnElement[bool]:
        """Return the condition that the person of a subscription is a candidate at present."""
        person = SubscriptionRow.subscriber_id
        numbers = self.before(1 << _SHIFT, limit=_MOST_NAMED + 1)
        if len(numbers) <= _MOST_NAMED:
            return person.in_(numbers)
        return or_(person.in_(self._indexed("").subquery().select()), person.in_(self.due))

    def _indexed(self, rest: str, **values: int) -> TextualSelect:
        if self.session.get_bind().dialect.name == "postgresql":
            # Starting with the index keeps the planner from scanning the whole list in its order.
            condition = " OR ".join(
                f"grams @> CAST(:asked{n} AS integer[])" for n in range(len(self.asked))
            )
            query = text(
                f"""SELECT subscriber_id FROM (SELECT subscriber_id FROM person_words
                WHERE ({condition}) AND newsletter_id = :newsletter OFFSET 0) AS found
                WHERE true{rest.format(person="subscriber_id")}"""  # noqa: S608 - ours
            ).bindparams(
                newsletter=self.newsletter_id,
                **{
                    f"asked{n}": [_hashed(self.newsletter_id, gram) for gram in grams]
                    for n, grams in enumerate(self.asked)
                },
                **values,
            )
        else:
            first = self.newsletter_id << _SHIFT
            if "before" in values:
                values["before"] += first
            query = text(
                f"""SELECT rowid - :first AS subscriber_id FROM person_words_grams
                WHERE person_words_grams MATCH :asked
                AND rowid > :first AND rowid < :last{rest.format(person="rowid")}"""  # noqa: S608 - ours
            ).bindparams(
                first=first,
                last=first + (1 << _SHIFT),
                asked=" OR ".join(f"({fts_words(grams)})" for grams in self.asked),
                **values,
            )
        return query.columns(SubscriptionRow.subscriber_id)


def find_candidates(
    session: Session, newsletter_id: int, parts: Sequence[str]
) -> Candidates | None:
    """Return the people who may match one of several folded parts; None if all must be scanned.

    All must be scanned for single ASCII letters, and while many people are to be indexed.
    """
    asked = [grams_asked(part) for part in parts]
    if not all(asked):
        return None
    due = session.scalars(
        _DUE_OF[session.get_bind().dialect.name],
        {"newsletter": newsletter_id, "limit": _MOST_DUE + 1},
    ).all()
    if len(due) > _MOST_DUE:
        return None
    return Candidates(
        session=session,
        newsletter_id=newsletter_id,
        asked=asked,
        due=sorted(set(due), reverse=True),
    )


_DUE_OF = {
    "postgresql": text(
        """SELECT unnest(people) FROM person_words_due
        WHERE newsletter_id = :newsletter LIMIT :limit"""
    ),
    "sqlite": text(
        """SELECT subscriber_id FROM person_words_due WHERE newsletter_id = :newsletter
        UNION ALL SELECT subscriber_id FROM subscription WHERE newsletter_id = :newsletter
        AND subscriber_id > coalesce(
            (SELECT upto FROM person_words_upto WHERE newsletter_id = :newsletter), 0)
        LIMIT :limit"""
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPart:
    """A part of an address, of a name or of the value of a field.

    Attributes:
        held: The condition that a person's data contains the part.
        texts: Folded texts; whoever matches `held` has at least one of them in address, name or
            values.
    """

    held: ColumnElement[bool]
    texts: Sequence[str]

    def candidates(self, session: Session, newsletter: NewsletterRow) -> Candidates | None:
        """Return the people who may match; None if everybody has to be checked."""
        return find_candidates(session, newsletter.id, self.texts)


def part_of(session: Session, newsletter: NewsletterRow, text: str) -> SearchPart:
    """Return the part that a text searches for.

    Case, width and the kind of kana are ignored (`newsletter.database.folding`).
    """
    folded = fold_text(text)
    texts = [folded]
    conditions = [Position(folded_for(SubscriptionRow.name, folded), literal(folded)) > 0]
    for field in list_fields(session, newsletter.id):
        value = AttributeText(SubscriptionRow.attributes, literal(field.key))
        if field.type is FieldType.YES_NO:
            conditions.append(func.coalesce(value, "") == literal(text))
        elif field.type.has_options:
            for option in field.options:
                if any(
                    folded in fold_text(name) for name in (option.value, *option.labels.values())
                ):
                    texts.append(fold_text(option.value))
                    conditions.append(has_option(field.key, option.value))
        else:
            conditions.append(Position(folded_for(cast(value, Text), folded), literal(folded)) > 0)
    # Address keys are folded already, and their domain is in the form of DNS.
    of_address = list(dict.fromkeys([fold_case(text), as_kept(text)]))
    in_address = [Position(SubscriberRow.address_key, literal(one)) > 0 for one in of_address]
    held = or_(*in_address, and_(or_(*map(_written, texts)), or_(*conditions)))
    return SearchPart(held=held, texts=list(dict.fromkeys([*texts, *of_address])))


#: Characters that JSON escapes, or that folding produces from other characters.
_ESCAPED = re.compile(r'["\\/\x00-\x1f\x7f]')


def _written(folded: str) -> ColumnElement[bool]:
    """Return the condition that a person's name or raw JSON values contain a folded text.

    Few people match this cheap condition; the JSON of all others need not be parsed, which would
    be the slowest part of the search.
    """
    part = max(_ESCAPED.split(folded), key=len)
    names = SubscriptionRow.name + "\n" + cast(SubscriptionRow.attributes, Text)
    known = folded_for(names, part)
    return Position(known, literal(part)) > 0 if part else true()
