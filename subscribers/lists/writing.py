"""A chunk of a list into the tables: staged in one go, then moved by statements over all rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.orm import Session

from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause, ImportedKind, SubscriptionState
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.tokens import Pseudonyms
from subscribers.fields.reading import written_value
from subscribers.growth_log import log_growth
from subscribers.lists.columns import Problem
from subscribers.lists.journal import ImportJournal
from subscribers.lists.newcomers import Refused, add_people, find_known
from subscribers.lists.row_results import CheckedRow, given_tags, note_results
from subscribers.lists.staging import Staged, fill_stage, instant, without_empty
from subscribers.series.enrolment import note_tags, waited_tags
from subscribers.suppression import may_be_suppressed

#: Without statistics PostgreSQL reads all subscribers to join them to the few of a chunk.
_BY_INDEX = """SELECT set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)"""
#: A chunk that comes with its checkpoint need not be on the disk at once: were it lost, it would be
#: imported again. Whatever commits later, mail that is claimed or the import's end, waits for both.
_UNHURRIED = "SELECT set_config('synchronous_commit', 'off', true)"
_SUPPRESSED = """SELECT line, address FROM list_stage
    WHERE state = 'confirmed' AND suppressed = '' AND EXISTS (
    SELECT 1 FROM suppression WHERE suppression.address_key = list_stage.address_key
    AND (newsletter_id IS NULL OR newsletter_id = :newsletter))"""
#: What is known of people by now, with what the list changes of it; held, in one order as well.
_BEFORE = {
    "postgresql": (
        """CREATE TEMPORARY TABLE IF NOT EXISTS list_before (LIKE subscription, place tid,
            away boolean, returns boolean, ends boolean, updates boolean,
            PRIMARY KEY (subscriber_id)) ON COMMIT DELETE ROWS""",
        """INSERT INTO list_before SELECT b.*, {flags}
            FROM (SELECT * FROM list_stage WHERE known ORDER BY person) AS s CROSS JOIN LATERAL (
                SELECT *, ctid FROM subscription
                WHERE newsletter_id = :newsletter AND subscriber_id = s.person
                FOR NO KEY UPDATE) AS b""",
    ),
    "sqlite": (
        """CREATE TEMPORARY TABLE IF NOT EXISTS list_before AS SELECT *, rowid AS place,
            false AS away, false AS returns, false AS ends, false AS updates
            FROM subscription LIMIT 0""",
        "CREATE UNIQUE INDEX IF NOT EXISTS temp.ix_list_before ON list_before (subscriber_id)",
        "DELETE FROM list_before",
        """INSERT INTO list_before SELECT b.*, b.rowid, {flags}
            FROM list_stage AS s CROSS JOIN subscription AS b
            WHERE s.known AND b.newsletter_id = :newsletter AND b.subscriber_id = s.person""",
    ),
}
#: An earlier row of the same list added them: the last row counts. A consent at the moment of the
#: import is none that the list shows.
_OWN = f"""EXISTS (SELECT 1 FROM import_added AS mine WHERE mine.import_id = :import
    AND mine.kind IN ('{ImportedKind.PERSON.value}', '{ImportedKind.SUBSCRIPTION.value}')
    AND s.person BETWEEN mine.first AND mine.last)"""  # noqa: S608 - ours
#: Who left comes back, and who never confirmed is confirmed, by a consent that is newer.
_RETURNS = f"""(s.state = 'confirmed' AND (
    (b.state = 'unsubscribed' AND coalesce(s.consented_at > b.unsubscribed_at, false))
    OR (b.state = 'pending' AND ({_OWN} OR coalesce(s.consented_at > b.consented_at, false)))))"""
#: The list says that they left, after they consented here.
_ENDS = f"""(s.state = 'unsubscribed' AND b.state <> 'unsubscribed' AND (
    s.unsubscribed_at IS NULL OR b.consented_at IS NULL OR s.unsubscribed_at > b.consented_at
    OR ({_OWN} AND b.consented_at >= (SELECT started_at FROM list_import WHERE id = :import))))"""  # noqa: S608 - ours
_STAYS_AWAY = f"(s.state = 'confirmed' AND b.state = 'unsubscribed' AND NOT {_RETURNS})"
_DIFFERS = """((:update OR {own}) AND NOT {stays_away} AND (
    (s.name <> '' AND s.name <> b.name) OR (s.language <> '' AND s.language <> b.language)
    OR (s.time_zone <> '' AND s.time_zone <> b.time_zone)
    OR (s.format <> '' AND s.format <> b.format)
    OR (s.frequency <> '' AND s.frequency <> b.frequency)
    OR (s.attributes <> '{{}}' AND {attributes})))"""
_MERGED = {
    "postgresql": "CAST(CAST(b.attributes AS jsonb) || CAST(s.attributes AS jsonb) AS json)",
    "sqlite": "json_patch(b.attributes, s.attributes)",
}
_ATTRIBUTES_DIFFER = {
    "postgresql": "NOT CAST(b.attributes AS jsonb) @> CAST(s.attributes AS jsonb)",
    "sqlite": f"{_MERGED['sqlite']} <> json(b.attributes)",
}
_LEFT = """SELECT s.line, s.address FROM list_stage AS s JOIN list_before AS b
    ON b.subscriber_id = s.person
    WHERE b.away"""
_IS_ANY_AWAY = "SELECT 1 FROM list_before WHERE away LIMIT 1"
_PLAIN = ("name", "language", "time_zone", "format", "frequency")
_SAMPLE = """SELECT s.line, s.address, CAST(b.attributes AS text) AS attributes,
        s.attributes AS new_attributes, b.name, s.name AS new_name, b.language,
        s.language AS new_language, b.time_zone, s.time_zone AS new_time_zone, b.format,
        s.format AS new_format, b.frequency, s.frequency AS new_frequency
    FROM list_stage AS s JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE b.updates ORDER BY s.line LIMIT :people"""
_COUNTED = """SELECT count(CASE WHEN returns THEN 1 END) AS added,
    count(CASE WHEN returns THEN 1 END) AS returned,
    count(CASE WHEN ends THEN 1 END) AS unsubscribed,
    count(CASE WHEN ends THEN 1 END) AS ended,
    count(CASE WHEN updates AND NOT returns AND NOT ends THEN 1 END) AS updated
    FROM list_before"""
_CHANGE = """UPDATE subscription SET
        name = CASE WHEN b.updates AND s.name <> '' THEN s.name ELSE b.name END,
        language = CASE WHEN b.updates AND s.language <> '' THEN s.language ELSE b.language END,
        time_zone = CASE WHEN b.updates AND s.time_zone <> '' THEN s.time_zone ELSE b.time_zone END,
        format = CASE WHEN b.updates AND s.format <> '' THEN s.format ELSE b.format END,
        frequency = CASE WHEN b.updates AND s.frequency <> '' THEN s.frequency ELSE b.frequency END,
        attributes = CASE WHEN b.updates AND s.attributes <> '{{}}' THEN {merged}
            ELSE b.attributes END,
        state = CASE WHEN b.returns THEN 'confirmed' WHEN b.ends THEN 'unsubscribed'
            ELSE b.state END,
        consent_basis = CASE WHEN b.returns THEN {basis} ELSE b.consent_basis END,
        consent_source = CASE WHEN b.returns THEN {source} ELSE b.consent_source END,
        consent_wording = CASE WHEN b.returns THEN {wording} ELSE b.consent_wording END,
        consented_at = CASE WHEN b.returns THEN coalesce(s.consented_at, :moment)
            ELSE b.consented_at END,
        confirmed_at = CASE WHEN b.returns THEN :moment ELSE b.confirmed_at END,
        unsubscribed_at = CASE WHEN b.returns THEN NULL
            WHEN b.ends THEN coalesce(s.unsubscribed_at, :moment) ELSE b.unsubscribed_at END,
        changed_at = :moment
    FROM list_stage AS s JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE subscription.{place} = b.place AND (b.returns OR b.ends OR b.updates)"""
#: How people left stands in the log of leaving, before the subscription says that they did.
_DEPARTURES = """INSERT INTO unsubscribe_event (newsletter_id, subscriber_id, way, occurred_at)
    SELECT :newsletter, s.person, 'list', coalesce(s.unsubscribed_at, :moment)
    FROM list_stage AS s LEFT JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE s.state = 'unsubscribed' AND (b.subscriber_id IS NULL OR b.ends)"""
_SUBSCRIBE = """INSERT INTO subscription (newsletter_id, subscriber_id, state, consent_basis,
        consent_source, consent_wording, consented_at, confirmed_at, unsubscribed_at, paused_until,
        name, language, time_zone, format, frequency, attributes)
    SELECT :newsletter, s.person, s.state, {basis}, {source}, {wording},
        CASE s.state WHEN 'confirmed' THEN coalesce(s.consented_at, :moment)
            ELSE s.consented_at END,
        CASE s.state WHEN 'confirmed' THEN coalesce(s.confirmed_at, :moment)
            WHEN 'pending' THEN NULL ELSE s.confirmed_at END,
        CASE s.state WHEN 'unsubscribed' THEN coalesce(s.unsubscribed_at, :moment) END,
        s.paused_until, s.name, CASE WHEN s.language = '' THEN :language ELSE s.language END,
        s.time_zone, CASE WHEN s.format = '' THEN 'html' ELSE s.format END,
        CASE WHEN s.frequency = '' THEN 'each' ELSE s.frequency END, {attributes}
    FROM list_stage AS s WHERE s.state = :state AND {whom}"""
_NEW = "NOT s.known"
_KNOWN_ONLY = """s.known ON CONFLICT (newsletter_id, subscriber_id) DO NOTHING
    RETURNING subscriber_id"""
#: Whether this user may leave out the checks of foreign keys.
_MAY_LEAVE_OUT = """SELECT current_setting('is_superuser') = 'on' OR (
    current_setting('server_version_num')::int >= 150000
    AND has_parameter_privilege('session_replication_role', 'SET'))"""
_HOLD_NEWSLETTER = "SELECT 1 FROM newsletter WHERE id = :newsletter FOR KEY SHARE"
_CHECKS = "SELECT set_config('session_replication_role', :role, true)"
_SUPPRESS = """INSERT INTO suppression (newsletter_id, address_key, reason, evidence, created_at)
    SELECT :newsletter, address_key, suppressed, evidence, coalesce(suppressed_at, :moment)
    FROM list_stage WHERE suppressed <> '' ON CONFLICT DO NOTHING RETURNING id"""
#: Of those whom the list ends, those who were readers.
_ENDED = "SELECT count(*) FROM list_before WHERE ends AND state = 'confirmed'"
#: Of those whom the list suppresses and who would be readers, who was one and who was not.
_SILENCED = """SELECT count(CASE WHEN b.state = 'confirmed' THEN 1 END) AS readers,
    count(CASE WHEN coalesce(b.state, '') <> 'confirmed' THEN 1 END) AS others
    FROM list_stage AS s JOIN subscription AS x
    ON x.newsletter_id = :newsletter AND x.subscriber_id = s.person
    LEFT JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE s.suppressed <> '' AND x.state = 'confirmed'"""
_TAG = """INSERT INTO subscription_tag (newsletter_id, subscriber_id, tag)
    SELECT :newsletter, s.person, given.value
    FROM list_stage AS s CROSS JOIN {tags} AS given WHERE true ON CONFLICT DO NOTHING"""
_GETS_TAG = """SELECT s.person FROM list_stage AS s
    WHERE EXISTS (SELECT 1 FROM {tags} AS given WHERE given.value = :tag)
    AND NOT EXISTS (SELECT 1 FROM subscription_tag AS had WHERE had.tag = :tag
        AND had.newsletter_id = :newsletter AND had.subscriber_id = s.person)"""
_NOTED_AT_ONCE = 500
#: The list's own ground of a consent, or else the import's.
_GROUND = {
    name: f"CASE WHEN s.{name} = '' THEN :{name} ELSE s.{name} END"
    for name in ("basis", "source", "wording")
}

_TAKE_OUT = text("DELETE FROM list_stage WHERE line IN :lines").bindparams(
    bindparam("lines", expanding=True)
)
_IS_SUPPRESSED = msg("The address is suppressed.")
_ERASED = msg("The address is suppressed: this person’s data was erased at their request.")
_GONE = msg("This person unsubscribed; only their own new consent can subscribe them again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Under which terms a chunk is taken.

    Attributes:
        update: Whether the list overwrites what is known.
        pseudonyms: By which erased addresses are known.
        import_id: Under which it is noted what changed; None for an import that nobody can undo.
        samples: Of how many people it is told what changes.
        with_results: Whether it is told what becomes of each row.
        expects_known: Whether to look for who is known first; else they are found as PostgreSQL
            refuses to add them again, which costs more where there are any, and less where not.
        cause: What it counts as in the newsletter's growth.
    """

    newsletter_id: int
    basis: str
    source: str
    wording: str
    language: Language
    update: bool
    pseudonyms: Pseudonyms | None = None
    import_id: int | None = None
    samples: int = 0
    with_results: bool = False
    expects_known: bool = True
    cause: GrowthCause = GrowthCause.IMPORT


class ValueChange(NamedTuple):
    """One value that a list changes.

    Attributes:
        name: Of the column, such as ``name``, or of a field.
    """

    line: int
    address: str
    name: str
    old: str
    new: str


@dataclass(kw_only=True, slots=True)
class ChunkResult:
    """What became of a chunk.

    Attributes:
        added: Who gets mail now.
        returned: Who of these had left, or never confirmed.
        tagged: Who got tags, and nothing else.
        ended: Who of the unsubscribed was on the list.
        unsubscribed: Who is kept as having left, or left by this list.
        pending: Who is kept as not having confirmed.
        suppressed: Whose address is suppressed now.
        known: Who was a person before.
    """

    added: int = 0
    returned: int = 0
    updated: int = 0
    tagged: int = 0
    unsubscribed: int = 0
    ended: int = 0
    pending: int = 0
    suppressed: int = 0
    known: int = 0
    problems: list[Problem] = field(default_factory=list)
    changes: list[ValueChange] = field(default_factory=list)
    checked: list[CheckedRow] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """How many entries changed something."""
        return self.added + self.updated + self.tagged + self.unsubscribed + self.pending


def _nothing() -> None:
    """Begin nothing."""


def write_chunk(
    connection: Connection,
    staged: Staged,
    terms: Terms,
    *,
    on_staged: Callable[[], None] = _nothing,
) -> ChunkResult:
    """Write entries, whose keys differ, within the transaction that is open.

    Args:
        connection: In its transaction.
        staged: The entries.
        terms: Under which they are taken.
        on_staged: Called once what is left to do are statements that the database follows alone.
    """
    written = ChunkResult()
    if not staged:
        return written
    postgres = connection.dialect.name == "postgresql"
    for setting in _settings(terms) if postgres else ():
        connection.execute(text(setting))
    fill_stage(connection, staged)
    on_staged()
    values: dict[str, Any] = {
        "newsletter": terms.newsletter_id,
        "basis": terms.basis,
        "source": terms.source,
        "wording": terms.wording,
        "language": terms.language.value,
        "moment": instant(now(), postgres=postgres),
        "import": terms.import_id,
    }
    known = _meet(connection, staged, terms, values, written)
    # Only now: whom another added meanwhile is known, and has a subscription that counts.
    met = _find_before(connection, staged, values | {"update": terms.update}, known=known)
    if met and connection.scalar(text(_IS_ANY_AWAY)):
        left = connection.execute(text(_LEFT)).all()
        _refuse(connection, [(row.line, row.address) for row in left], _GONE, written)
    if SubscriptionState.UNSUBSCRIBED in staged.states:
        _run(connection, _DEPARTURES, values)
    journal = ImportJournal(connection, terms.import_id, values["moment"])
    journal.note_people()
    if terms.samples and met:
        written.changes += _sampled(connection, terms.samples)
    written.checked, written.tagged = note_results(
        connection,
        terms.newsletter_id,
        with_tags=met > 0 and "tags" in staged.columns,
        with_rows=terms.with_results,
    )
    if met:
        _change_known(connection, staged, written, values, journal)
    if known > met:
        _subscribe_known(connection, staged, written, values, journal)
    _subscribe_new(connection, staged, written, values)
    if "suppressed" in staged.columns:
        added = connection.scalars(text(_SUPPRESS), _used(_SUPPRESS, values)).all()
        journal.note(ImportedKind.SUPPRESSION, added)
        written.suppressed = len(added)
    if "tags" in staged.columns:
        journal.note_tags(terms.newsletter_id)
        given = given_tags(connection)
        _note_tags(connection, terms.newsletter_id, given)
        _run(connection, _TAG.format(tags=given), values)
    _log_growth(connection, staged, terms, written)
    return written


def _settings(terms: Terms) -> Sequence[str]:
    """Return what sets PostgreSQL up for a chunk, until its transaction ends."""
    return (_BY_INDEX,) if terms.import_id is None else (_BY_INDEX, _UNHURRIED)


def _meet(
    connection: Connection,
    staged: Staged,
    terms: Terms,
    values: dict[str, Any],
    written: ChunkResult,
) -> int:
    """Note who is known, add who is not, refuse whom nobody may add; return how many were known."""
    known = 0
    if terms.expects_known or connection.dialect.name == "sqlite":
        known = find_known(connection)
    if may_be_suppressed(connection, staged.columns["address_key"]):
        held = connection.execute(text(_SUPPRESSED), {"newsletter": terms.newsletter_id}).all()
        _refuse(connection, [(row.line, row.address) for row in held], _IS_SUPPRESSED, written)

    def refuse_erased(rows: Sequence[Refused]) -> None:
        _refuse(connection, rows, _ERASED, written)

    known += add_people(connection, staged, terms.pseudonyms, values["moment"], refuse_erased)
    written.known = known
    return known


def _log_growth(connection: Connection, staged: Staged, terms: Terms, written: ChunkResult) -> None:
    """Write down whom a chunk brought and whom it ended; nobody on it was suppressed before."""
    gained, lost = written.added, 0
    if SubscriptionState.UNSUBSCRIBED in staged.states:
        lost += connection.scalar(text(_ENDED)) or 0
    if written.suppressed:
        silenced = connection.execute(text(_SILENCED), {"newsletter": terms.newsletter_id}).one()
        gained, lost = gained - silenced.others, lost + silenced.readers
    log_growth(connection, terms.newsletter_id, terms.cause, gained)
    log_growth(connection, terms.newsletter_id, terms.cause, -lost)


def _note_tags(connection: Connection, newsletter_id: int, given: str) -> None:
    """Begin the series of those who are about to get a tag that begins one."""
    with Session(bind=connection, join_transaction_mode="rollback_only") as session:
        for tag in waited_tags(session, newsletter_id):
            people = connection.scalars(
                text(_GETS_TAG.format(tags=given)), {"newsletter": newsletter_id, "tag": tag}
            ).all()
            for first in range(0, len(people), _NOTED_AT_ONCE):
                note_tags(session, newsletter_id, people[first : first + _NOTED_AT_ONCE], [tag])


def _find_before(
    connection: Connection, staged: Staged, values: dict[str, Any], *, known: int
) -> int:
    """Note what is known of those on the stage, what the list changes of it; return of how many."""
    name = connection.dialect.name
    differs = _DIFFERS.format(own=_OWN, stays_away=_STAYS_AWAY, attributes=_ATTRIBUTES_DIFFER[name])
    *before, note = _BEFORE[name]
    for statement in before:
        connection.execute(text(statement))
    if not known:
        return 0
    flags = f"{_STAYS_AWAY}, {_RETURNS}, {_ENDS}, {differs}"
    return _run(connection, without_empty(note.format(flags=flags), staged, name), values)


def _sampled(connection: Connection, people: int) -> Iterator[ValueChange]:
    """Yield what changes of the first people whom the list updates."""
    for row in connection.execute(text(_SAMPLE), {"people": people}).mappings():
        for name in _PLAIN:
            old, new = row[name], row[f"new_{name}"]
            if new and new != old:
                yield ValueChange(row["line"], row["address"], name, old, new)
        known = json.loads(row["attributes"])
        for name, value in json.loads(row["new_attributes"]).items():
            if known.get(name) != value:
                yield ValueChange(
                    row["line"], row["address"], name, cell_text(known.get(name)), cell_text(value)
                )


def cell_text(value: object) -> str:
    """Return a value of a list or a field as people read it in a cell, whatever JSON made of it."""
    if isinstance(value, dict) or (isinstance(value, list) and not all(map(_is_text, value))):
        return json.dumps(value, ensure_ascii=False)
    return written_value(value) if isinstance(value, str | int | float | list) else ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _change_known(
    connection: Connection,
    staged: Staged,
    written: ChunkResult,
    values: dict[str, Any],
    journal: ImportJournal,
) -> None:
    """Change what is known of people already, as far as the list may."""
    counted = connection.execute(text(_COUNTED)).mappings().one()
    for name, count in counted.items():
        setattr(written, name, count)
    if any(counted.values()):
        journal.note_changes()
        name = connection.dialect.name
        place = "ctid" if name == "postgresql" else "rowid"
        change = _CHANGE.format(merged=_MERGED[name], place=place, **_GROUND)
        _run(connection, without_empty(change, staged, name), values)


def _subscribe_known(
    connection: Connection,
    staged: Staged,
    written: ChunkResult,
    values: dict[str, Any],
    journal: ImportJournal,
) -> None:
    """Subscribe those who are known and have no subscription of the newsletter yet."""
    statement = _subscribe_statement(connection, staged, _KNOWN_ONLY)
    for state in sorted(staged.states):
        used = _used(statement, values | {"state": state.value})
        added = connection.scalars(text(statement), used).all()
        journal.note(ImportedKind.SUBSCRIPTION, added)
        _count_subscribed(written, state, len(added))


def _subscribe_new(
    connection: Connection, staged: Staged, written: ChunkResult, values: dict[str, Any]
) -> None:
    """Subscribe those who are new."""
    statement = _subscribe_statement(connection, staged, _NEW)
    with _keys_held(connection, values):
        for state in sorted(staged.states):
            count = _run(connection, statement, values | {"state": state.value})
            _count_subscribed(written, state, count)


def _subscribe_statement(connection: Connection, staged: Staged, whom: str) -> str:
    name = connection.dialect.name
    attributes = "CAST(s.attributes AS json)" if name == "postgresql" else "s.attributes"
    statement = _SUBSCRIBE.format(attributes=attributes, whom=whom, **_GROUND)
    return without_empty(statement, staged, name)


def _count_subscribed(written: ChunkResult, state: SubscriptionState, count: int) -> None:
    name = "added" if state is SubscriptionState.CONFIRMED else state.value
    setattr(written, name, getattr(written, name) + count)


@contextmanager
def _keys_held(connection: Connection, values: dict[str, Any]) -> Iterator[None]:
    """Leave out the checks of foreign keys where the rows that they ask for are held already.

    The people were added in this transaction, and the newsletter is locked here once. PostgreSQL
    would lock both again for each row, which takes as long as all the rest of an import. Where
    this user may not (see docs/lists.md) it does.
    """
    can = connection.dialect.name == "postgresql" and connection.scalar(text(_MAY_LEAVE_OUT))
    if not can:
        yield
        return
    _run(connection, _HOLD_NEWSLETTER, values)
    connection.execute(text(_CHECKS), {"role": "replica"})
    yield
    connection.execute(text(_CHECKS), {"role": "origin"})


def _run(connection: Connection, statement: str, values: dict[str, Any]) -> int:
    return connection.execute(text(statement), _used(statement, values)).rowcount


def _used(statement: str, values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


def _refuse(
    connection: Connection, rows: Sequence[tuple[int, str]], reason: Message, written: ChunkResult
) -> None:
    written.problems += [
        Problem(line=line, field="address", value=address, problem=reason, address=address)
        for line, address in rows
    ]
    if rows:
        connection.execute(_TAKE_OUT, {"lines": [line for line, _ in rows]})
