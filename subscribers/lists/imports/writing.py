"""Writing of a chunk: staged at once, then moved to the tables by statements over all rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, DefaultClause, bindparam, text
from sqlalchemy.orm import Session

from newsletter.database.tables import SubscriptionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import GrowthCause, ImportedKind, SubscriptionState
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.tokens import Pseudonyms
from subscribers.fields.reading import written_value
from subscribers.growth_log import log_growth
from subscribers.lists.imports.import_report import (
    ChunkResult,
    ValueChange,
    given_tags,
    note_results,
)
from subscribers.lists.imports.staging import (
    Refused,
    Staged,
    add_people,
    fill_stage,
    find_known,
    instant,
    without_empty,
)
from subscribers.lists.imports.undo import ImportJournal
from subscribers.lists.records import Problem
from subscribers.series.enrolment import note_tags, waited_tags
from subscribers.subscription_columns import CHOSEN
from subscribers.suppression import may_be_suppressed

#: Without statistics, PostgreSQL would scan all subscribers to join them with those of a chunk.
_BY_INDEX = """SELECT set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)"""
#: A chunk and its checkpoint need not be flushed at once: if they are lost, the chunk is imported
#: again. Later commits, such as claims of mail or the end of the import, flush both.
_UNHURRIED = "SELECT set_config('synchronous_commit', 'off', true)"
_SUPPRESSED = """SELECT line, address FROM list_stage
    WHERE state = 'confirmed' AND suppressed = '' AND EXISTS (
    SELECT 1 FROM suppression WHERE suppression.address_key = list_stage.address_key
    AND (newsletter_id IS NULL OR newsletter_id = :newsletter))"""
#: SQL for the present data of people and the changes by the list; the rows are locked in one order.
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
#: SQL condition that an earlier row of the same list added the person, so that the last row counts.
#: A consent at the time of the import does not come from the list.
_OWN = f"""EXISTS (SELECT 1 FROM import_added AS mine WHERE mine.import_id = :import
    AND mine.kind IN ('{ImportedKind.PERSON.value}', '{ImportedKind.SUBSCRIPTION.value}')
    AND s.person BETWEEN mine.first AND mine.last)"""  # noqa: S608 - ours
#: SQL condition that a newer consent subscribes a person who unsubscribed or never confirmed.
_RETURNS = f"""(s.state = 'confirmed' AND (
    (b.state = 'unsubscribed' AND coalesce(s.consented_at > b.unsubscribed_at, false))
    OR (b.state = 'pending' AND ({_OWN} OR coalesce(s.consented_at > b.consented_at, false)))))"""
#: SQL condition that the person unsubscribed, according to the list, after the present consent.
_ENDS = f"""(s.state = 'unsubscribed' AND b.state <> 'unsubscribed' AND (
    s.unsubscribed_at IS NULL OR b.consented_at IS NULL OR s.unsubscribed_at > b.consented_at
    OR ({_OWN} AND b.consented_at >= (SELECT started_at FROM list_import WHERE id = :import))))"""  # noqa: S608 - ours
_STAYS_AWAY = f"(s.state = 'confirmed' AND b.state = 'unsubscribed' AND NOT {_RETURNS})"
_DIFFER = " OR ".join(f"(s.{name} <> '' AND s.{name} <> b.{name})" for name in CHOSEN)
_DIFFERS = f"""((:update OR {{own}}) AND NOT {{stays_away}} AND (
    {_DIFFER} OR (s.attributes <> '{{{{}}}}' AND {{attributes}})))"""
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
_SAMPLE = f"""SELECT s.line, s.address, CAST(b.attributes AS text) AS attributes,
        s.attributes AS new_attributes, {", ".join(f"b.{c}, s.{c} AS new_{c}" for c in CHOSEN)}
    FROM list_stage AS s JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE b.updates ORDER BY s.line LIMIT :people"""  # noqa: S608 - ours
_COUNTED = """SELECT count(CASE WHEN returns THEN 1 END) AS added,
    count(CASE WHEN returns THEN 1 END) AS returned,
    count(CASE WHEN ends THEN 1 END) AS unsubscribed,
    count(CASE WHEN ends THEN 1 END) AS ended,
    count(CASE WHEN updates AND NOT returns AND NOT ends THEN 1 END) AS updated
    FROM list_before"""
_CHOSEN_ANEW = ", ".join(
    f"{name} = CASE WHEN b.updates AND s.{name} <> '' THEN s.{name} ELSE b.{name} END"
    for name in CHOSEN
)
_CHANGE = f"""UPDATE subscription SET {_CHOSEN_ANEW},
        attributes = CASE WHEN b.updates AND s.attributes <> '{{{{}}}}' THEN {{merged}}
            ELSE b.attributes END,
        state = CASE WHEN b.returns THEN 'confirmed' WHEN b.ends THEN 'unsubscribed'
            ELSE b.state END,
        consent_basis = CASE WHEN b.returns THEN {{basis}} ELSE b.consent_basis END,
        consent_source = CASE WHEN b.returns THEN {{source}} ELSE b.consent_source END,
        consent_wording = CASE WHEN b.returns THEN {{wording}} ELSE b.consent_wording END,
        consented_at = CASE WHEN b.returns THEN coalesce(s.consented_at, :moment)
            ELSE b.consented_at END,
        confirmed_at = CASE WHEN b.returns THEN :moment ELSE b.confirmed_at END,
        unsubscribed_at = CASE WHEN b.returns THEN NULL
            WHEN b.ends THEN coalesce(s.unsubscribed_at, :moment) ELSE b.unsubscribed_at END,
        changed_at = :moment
    FROM list_stage AS s JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE subscription.{{place}} = b.place AND (b.returns OR b.ends OR b.updates)"""  # noqa: S608 - ours
#: SQL that logs unsubscriptions, before the subscriptions are updated.
_DEPARTURES = """INSERT INTO unsubscribe_event (newsletter_id, subscriber_id, way, occurred_at)
    SELECT :newsletter, s.person, 'list', coalesce(s.unsubscribed_at, :moment)
    FROM list_stage AS s LEFT JOIN list_before AS b ON b.subscriber_id = s.person
    WHERE s.state = 'unsubscribed' AND (b.subscriber_id IS NULL OR b.ends)"""


def _unless_empty(name: str) -> str:
    """Return SQL for a column of the list, or its default in the table where the list has none.

    Who has no language of their own gets that of the import.
    """
    default = SubscriptionRow.__table__.c[name].server_default
    empty = f"'{default.arg}'" if isinstance(default, DefaultClause) else "''"
    empty = ":language" if name == "language" else empty
    if empty == "''":
        return f"s.{name}"
    return f"CASE WHEN s.{name} = '' THEN {empty} ELSE s.{name} END"


_SUBSCRIBE = f"""INSERT INTO subscription (newsletter_id, subscriber_id, state, consent_basis,
        consent_source, consent_wording, consented_at, confirmed_at, unsubscribed_at, paused_until,
        {", ".join(CHOSEN)}, attributes)
    SELECT :newsletter, s.person, s.state, {{basis}}, {{source}}, {{wording}},
        CASE s.state WHEN 'confirmed' THEN coalesce(s.consented_at, :moment)
            ELSE s.consented_at END,
        CASE s.state WHEN 'confirmed' THEN coalesce(s.confirmed_at, :moment)
            WHEN 'pending' THEN NULL ELSE s.confirmed_at END,
        CASE s.state WHEN 'unsubscribed' THEN coalesce(s.unsubscribed_at, :moment) END,
        s.paused_until, {", ".join(map(_unless_empty, CHOSEN))}, {{attributes}}
    FROM list_stage AS s WHERE s.state = :state AND {{whom}}"""  # noqa: S608 - ours
_NEW = "NOT s.known"
_KNOWN_ONLY = """s.known ON CONFLICT (newsletter_id, subscriber_id) DO NOTHING
    RETURNING subscriber_id"""
#: SQL for whether this database user may disable the checks of foreign keys.
_MAY_LEAVE_OUT = """SELECT current_setting('is_superuser') = 'on' OR (
    current_setting('server_version_num')::int >= 150000
    AND has_parameter_privilege('session_replication_role', 'SET'))"""
_HOLD_NEWSLETTER = "SELECT 1 FROM newsletter WHERE id = :newsletter FOR KEY SHARE"
_CHECKS = "SELECT set_config('session_replication_role', :role, true)"
_SUPPRESS = """INSERT INTO suppression (newsletter_id, address_key, reason, evidence, created_at)
    SELECT :newsletter, address_key, suppressed, evidence, coalesce(suppressed_at, :moment)
    FROM list_stage WHERE suppressed <> '' ON CONFLICT DO NOTHING RETURNING id"""
#: SQL for the number of readers among the people whose subscription the list ends.
_ENDED = "SELECT count(*) FROM list_before WHERE ends AND state = 'confirmed'"
#: SQL for the people suppressed by the list who were readers, and who would have become readers.
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
#: The basis of consent in the list, or else that of the import.
_GROUND = {
    name: f"CASE WHEN s.{name} = '' THEN :{name} ELSE s.{name} END"
    for name in ("basis", "source", "wording")
}

#: SQL that removes rows by address and not by line, since several rows can be on one line.
_TAKE_OUT = text("DELETE FROM list_stage WHERE address IN :addresses").bindparams(
    bindparam("addresses", expanding=True)
)
_IS_SUPPRESSED = msg("The address is suppressed.")
_ERASED = msg("The address is suppressed: this person’s data was erased at their request.")
_GONE = msg("This person unsubscribed; only their own new consent can subscribe them again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """The terms for writing a chunk.

    Attributes:
        update: Whether the list overwrites existing data.
        pseudonyms: Compute the keyed hashes of erased addresses.
        import_id: The import in whose journal changes are recorded; None if it cannot be undone.
        samples: The number of people whose changes are returned.
        with_results: Whether the results of single rows are returned.
        expects_known: Whether to search for existing people first. Otherwise they are found by the
            conflicts in adding them, which is slower if there are any and faster if not.
        cause: The cause in the newsletter's growth log.
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


def _nothing() -> None:
    """Do nothing."""


def write_chunk(
    connection: Connection,
    staged: Staged,
    terms: Terms,
    *,
    on_staged: Callable[[], None] = _nothing,
) -> ChunkResult:
    """Write entries with different keys in the open transaction.

    Args:
        connection: The connection, in a transaction.
        staged: The entries.
        terms: The terms for writing.
        on_staged: Called when only statements of the database remain.
    """
    if not staged:
        return ChunkResult()
    chunk = _Chunk(connection, staged, terms)
    chunk.stage()
    on_staged()
    chunk.write()
    return chunk.result


class _Chunk:
    """A chunk during writing, with its results."""

    def __init__(self, connection: Connection, staged: Staged, terms: Terms) -> None:
        self.result = ChunkResult()
        self._connection, self._staged, self._terms = connection, staged, terms
        self._database = connection.dialect.name
        moment = instant(now(), postgres=self._database == "postgresql")
        self._journal = ImportJournal(connection, terms.import_id, moment)
        self._values: dict[str, Any] = {
            "newsletter": terms.newsletter_id,
            "basis": terms.basis,
            "source": terms.source,
            "wording": terms.wording,
            "language": terms.language.value,
            "update": terms.update,
            "moment": moment,
            "import": terms.import_id,
        }

    def stage(self) -> None:
        """Fill the staging table, and set PostgreSQL's options for the transaction."""
        if self._database == "postgresql":
            self._run(_BY_INDEX)
            if self._terms.import_id is not None:
                self._run(_UNHURRIED)
        fill_stage(self._connection, self._staged)

    def write(self) -> None:
        """Move the rows of the staging table to the tables, and record the changes."""
        known = self._meet()
        # Done after adding people, since others may have added and subscribed some meanwhile.
        met = self._find_before(known=known)
        if met and self._run(_IS_ANY_AWAY).scalar():
            left = self._run(_LEFT).all()
            self._refuse([(row.line, row.address) for row in left], _GONE)
        if SubscriptionState.UNSUBSCRIBED in self._staged.states:
            self._run(_DEPARTURES)
        self._journal.note_people()
        if self._terms.samples and met:
            self.result.changes += self._sampled()
        self.result.checked, self.result.tagged = note_results(
            self._connection,
            self._terms.newsletter_id,
            with_tags=met > 0 and "tags" in self._staged.columns,
            with_rows=self._terms.with_results,
        )
        if met:
            self._change_known()
        if known > met:
            self._subscribe_known()
        self._subscribe_new()
        if "suppressed" in self._staged.columns:
            added = self._run(_SUPPRESS).scalars().all()
            self._journal.note(ImportedKind.SUPPRESSION, added)
            self.result.suppressed = len(added)
        if "tags" in self._staged.columns:
            self._journal.note_tags(self._terms.newsletter_id)
            given = given_tags(self._connection)
            self._begin_series(given)
            self._run(_TAG.format(tags=given))
        self._log_growth()

    def _meet(self) -> int:
        """Find existing people, add new ones, refuse erased ones; return the number of existing."""
        known = 0
        if self._terms.expects_known or self._database == "sqlite":
            known = find_known(self._connection)
        if may_be_suppressed(self._connection, self._staged.columns["address_key"]):
            held = self._run(_SUPPRESSED).all()
            self._refuse([(row.line, row.address) for row in held], _IS_SUPPRESSED)

        def refuse_erased(rows: Sequence[Refused]) -> None:
            self._refuse(rows, _ERASED)

        pseudonyms, moment = self._terms.pseudonyms, self._values["moment"]
        known += add_people(self._connection, self._staged, pseudonyms, moment, refuse_erased)
        self.result.known = known
        return known

    def _find_before(self, *, known: int) -> int:
        """Record the present data of people and its changes; return the number of people."""
        differs = _DIFFERS.format(
            own=_OWN, stays_away=_STAYS_AWAY, attributes=_ATTRIBUTES_DIFFER[self._database]
        )
        *before, note = _BEFORE[self._database]
        for statement in before:
            self._run(statement)
        if not known:
            return 0
        flags = f"{_STAYS_AWAY}, {_RETURNS}, {_ENDS}, {differs}"
        return self._run(self._fitted(note.format(flags=flags))).rowcount

    def _sampled(self) -> Iterator[ValueChange]:
        """Yield the changes of the first updated people."""
        for row in self._run(_SAMPLE, people=self._terms.samples).mappings():
            line, address = row["line"], row["address"]
            for name in CHOSEN:
                old, new = row[name], row[f"new_{name}"]
                if new and new != old:
                    yield ValueChange(line, address, name, old, new)
            known = json.loads(row["attributes"])
            for name, value in json.loads(row["new_attributes"]).items():
                old = known.get(name)
                if old != value:
                    yield ValueChange(line, address, name, cell_text(old), cell_text(value))

    def _change_known(self) -> None:
        """Update existing subscriptions as far as the terms allow."""
        counted = self._run(_COUNTED).mappings().one()
        for name, count in counted.items():
            setattr(self.result, name, count)
        if any(counted.values()):
            self._journal.note_changes()
            place = "ctid" if self._database == "postgresql" else "rowid"
            change = _CHANGE.format(merged=_MERGED[self._database], place=place, **_GROUND)
            self._run(self._fitted(change))

    def _subscribe_known(self) -> None:
        """Subscribe existing people without a subscription of the newsletter."""
        statement = self._subscribe_statement(_KNOWN_ONLY)
        for state in sorted(self._staged.states):
            added = self._run(statement, state=state.value).scalars().all()
            self._journal.note(ImportedKind.SUBSCRIPTION, added)
            self._count_subscribed(state, len(added))

    def _subscribe_new(self) -> None:
        """Subscribe new people."""
        statement = self._subscribe_statement(_NEW)
        with self._keys_held():
            for state in sorted(self._staged.states):
                self._count_subscribed(state, self._run(statement, state=state.value).rowcount)

    def _subscribe_statement(self, whom: str) -> str:
        attributes = (
            "CAST(s.attributes AS json)" if self._database == "postgresql" else "s.attributes"
        )
        return self._fitted(_SUBSCRIBE.format(attributes=attributes, whom=whom, **_GROUND))

    def _count_subscribed(self, state: SubscriptionState, count: int) -> None:
        name = "added" if state is SubscriptionState.CONFIRMED else state.value
        setattr(self.result, name, getattr(self.result, name) + count)

    @contextmanager
    def _keys_held(self) -> Iterator[None]:
        """Disable the checks of foreign keys, whose rows are locked already.

        The people were added in this transaction, and the newsletter is locked once. PostgreSQL
        would lock both again for each row, which takes as long as the rest of the import. Database
        users without this privilege (see docs/lists.md) keep the checks.
        """
        if self._database != "postgresql" or not self._run(_MAY_LEAVE_OUT).scalar():
            yield
            return
        self._run(_HOLD_NEWSLETTER)
        self._run(_CHECKS, role="replica")
        yield
        self._run(_CHECKS, role="origin")

    def _begin_series(self, given: str) -> None:
        """Start the series of people who will get a tag that starts one."""
        newsletter_id = self._terms.newsletter_id
        with Session(bind=self._connection, join_transaction_mode="rollback_only") as session:
            for tag in waited_tags(session, newsletter_id):
                people = self._run(_GETS_TAG.format(tags=given), tag=tag).scalars().all()
                for first in range(0, len(people), _NOTED_AT_ONCE):
                    note_tags(session, newsletter_id, people[first : first + _NOTED_AT_ONCE], [tag])

    def _log_growth(self) -> None:
        """Log gains and losses by the list; nobody in it was suppressed before."""
        gained, lost = self.result.added, 0
        if SubscriptionState.UNSUBSCRIBED in self._staged.states:
            lost += self._run(_ENDED).scalar() or 0
        if self.result.suppressed:
            silenced = self._run(_SILENCED).one()
            gained, lost = gained - silenced.others, lost + silenced.readers
        log_growth(self._connection, self._terms.newsletter_id, self._terms.cause, gained)
        log_growth(self._connection, self._terms.newsletter_id, self._terms.cause, -lost)

    def _refuse(self, rows: Sequence[tuple[int, str]], reason: Message) -> None:
        """Remove rows from the staging table with a reason."""
        self.result.problems += [
            Problem(line=line, field="address", value=address, problem=reason, address=address)
            for line, address in rows
        ]
        if rows:
            self._connection.execute(_TAKE_OUT, {"addresses": [one for _, one in rows]})

    def _fitted(self, statement: str) -> str:
        """Return a statement without columns that are empty in all entries."""
        return without_empty(statement, self._staged, self._database)

    def _run(self, statement: str, **more: object) -> CursorResult[Any]:
        """Execute a statement with the chunk's values for its parameters, and with further ones."""
        named = {name: value for name, value in self._values.items() if f":{name}" in statement}
        return self._connection.execute(text(statement), named | more)


def cell_text(value: object) -> str:
    """Return a value of a list or field as readable text for a cell."""
    if isinstance(value, dict) or (isinstance(value, list) and not all(map(_is_text, value))):
        return json.dumps(value, ensure_ascii=False)
    return written_value(value) if isinstance(value, str | int | float | list) else ""


def _is_text(value: object) -> bool:
    return isinstance(value, str)
