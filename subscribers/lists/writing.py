"""A chunk of a list into the tables: staged by COPY or executemany, then moved by set-based SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, text
from sqlalchemy.exc import DBAPIError

from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns import Problem
from subscribers.lists.entries import Entry
from subscribers.suppression import erased_among

#: The stage: a chunk as the list has it.
_STAGED = {
    "line": "bigint NOT NULL",
    "address": "varchar(320) NOT NULL",
    "address_key": "varchar(320) NOT NULL",
    "domain": "varchar(255) NOT NULL",
    "name": "varchar(200) NOT NULL",
    "language": "varchar(64) NOT NULL",
    "time_zone": "varchar(64) NOT NULL",
    "format": "varchar(8) NOT NULL",
    "attributes": "text NOT NULL",
    "tags": "text NOT NULL",
    "state": "varchar(32) NOT NULL",
    "basis": "varchar(64) NOT NULL",
    "source": "text NOT NULL",
    "wording": "text NOT NULL",
    "consented_at": "timestamp with time zone",
    "confirmed_at": "timestamp with time zone",
    "unsubscribed_at": "timestamp with time zone",
    "paused_until": "timestamp with time zone",
    "suppressed": "varchar(32) NOT NULL",
    "suppressed_at": "timestamp with time zone",
    "evidence": "text NOT NULL",
}
_COLUMNS = ", ".join(_STAGED)
_CREATE = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS list_stage ("
    + ", ".join(f"{name} {kind}" for name, kind in _STAGED.items())
    + ")"
)
#: Nothing vacuums a temporary table: rows deleted from it would be read again by each chunk.
_EMPTIED = " ON COMMIT DELETE ROWS"
#: Without statistics PostgreSQL reads all subscribers to join them to the few of a chunk.
_BY_INDEX = """SELECT set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)"""
_SUPPRESSED = """SELECT line, address FROM list_stage
    WHERE state = 'confirmed' AND suppressed = '' AND EXISTS (
    SELECT 1 FROM suppression WHERE suppression.address_key = list_stage.address_key
    AND (newsletter_id IS NULL OR newsletter_id = :newsletter))"""
_LEFT = """SELECT s.line, s.address,
        s.consented_at > subscription.unsubscribed_at AS again FROM list_stage AS s
    JOIN subscriber ON subscriber.address_key = s.address_key
    JOIN subscription ON subscription.subscriber_id = subscriber.id
        AND subscription.newsletter_id = :newsletter
    WHERE subscription.state = 'unsubscribed' AND s.state = 'confirmed'"""
_PEOPLE = """INSERT INTO subscriber (address, address_key, domain, created_at)
    SELECT address, address_key, domain, :moment FROM list_stage WHERE true ORDER BY address_key
    ON CONFLICT (address_key) DO NOTHING"""
#: Waits for erasures that are under way; none can end before this transaction does.
_HOLD = """SELECT p.id FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    ORDER BY p.id FOR KEY SHARE OF p"""
#: Those of the newsletter whom the chunk names, in an UPDATE of their subscriptions.
_THEIRS = """FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    WHERE subscription.subscriber_id = p.id AND subscription.newsletter_id = :newsletter"""
_UPDATE = """UPDATE subscription SET
        name = CASE WHEN s.name = '' THEN subscription.name ELSE s.name END,
        language = CASE WHEN s.language = '' THEN subscription.language ELSE s.language END,
        time_zone = CASE WHEN s.time_zone = '' THEN subscription.time_zone ELSE s.time_zone END,
        format = CASE WHEN s.format = '' THEN subscription.format ELSE s.format END,
        attributes = {merged}
    {theirs} AND (
        (s.name <> '' AND s.name <> subscription.name)
        OR (s.language <> '' AND s.language <> subscription.language)
        OR (s.time_zone <> '' AND s.time_zone <> subscription.time_zone)
        OR (s.format <> '' AND s.format <> subscription.format)
        OR {differs})"""
#: Who left comes back, and who never confirmed is confirmed, by a consent that is newer.
_REVIVE = """UPDATE subscription SET state = 'confirmed', consent_basis = {basis},
        consent_source = {source}, consent_wording = {wording}, consented_at = s.consented_at,
        confirmed_at = :moment, unsubscribed_at = NULL
    {theirs} AND s.state = 'confirmed' AND (
        (subscription.state = 'unsubscribed' AND s.consented_at > subscription.unsubscribed_at)
        OR (subscription.state = 'pending' AND s.consented_at > subscription.consented_at))"""
#: The list says that they left, after they consented here.
_ENDS = """s.state = 'unsubscribed' AND subscription.state <> 'unsubscribed' AND (
        s.unsubscribed_at IS NULL OR subscription.consented_at IS NULL
        OR s.unsubscribed_at > subscription.consented_at)"""
_END = """UPDATE subscription SET state = 'unsubscribed',
        unsubscribed_at = coalesce(s.unsubscribed_at, :moment)
    {theirs} AND {ends}"""
#: How people left stands in the log of leaving, before the subscription says that they did.
_DEPARTURES = """INSERT INTO unsubscribe_event (newsletter_id, subscriber_id, way, occurred_at)
    SELECT :newsletter, p.id, 'list', coalesce(s.unsubscribed_at, :moment)
    FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    LEFT JOIN subscription ON subscription.subscriber_id = p.id
        AND subscription.newsletter_id = :newsletter
    WHERE s.state = 'unsubscribed' AND (subscription.subscriber_id IS NULL OR ({ends}))"""
_SUBSCRIBE = """INSERT INTO subscription (newsletter_id, subscriber_id, state, consent_basis,
        consent_source, consent_wording, consented_at, confirmed_at, unsubscribed_at, paused_until,
        name, language, time_zone, format, attributes)
    SELECT :newsletter, p.id, s.state, {basis}, {source}, {wording},
        CASE s.state WHEN 'confirmed' THEN coalesce(s.consented_at, :moment)
            ELSE s.consented_at END,
        CASE s.state WHEN 'confirmed' THEN coalesce(s.confirmed_at, :moment)
            WHEN 'pending' THEN NULL ELSE s.confirmed_at END,
        CASE s.state WHEN 'unsubscribed' THEN coalesce(s.unsubscribed_at, :moment) END,
        s.paused_until, s.name, CASE WHEN s.language = '' THEN :language ELSE s.language END,
        s.time_zone, CASE WHEN s.format = '' THEN 'html' ELSE s.format END, {attributes}
    FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    WHERE s.state = :state
    ON CONFLICT (newsletter_id, subscriber_id) DO NOTHING"""
_SUPPRESS = """INSERT INTO suppression (newsletter_id, address_key, reason, evidence, created_at)
    SELECT :newsletter, address_key, suppressed, evidence, coalesce(suppressed_at, :moment)
    FROM list_stage WHERE suppressed <> '' ON CONFLICT DO NOTHING"""
_TAG = """INSERT INTO subscription_tag (newsletter_id, subscriber_id, tag)
    SELECT :newsletter, subscriber.id, told.value
    FROM list_stage JOIN subscriber ON subscriber.address_key = list_stage.address_key
    CROSS JOIN {tags} AS told WHERE true ON CONFLICT DO NOTHING"""
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
    """

    newsletter_id: int
    basis: str
    source: str
    wording: str
    language: Language
    update: bool
    pseudonyms: Pseudonyms | None = None


@dataclass(kw_only=True, slots=True)
class Written:
    """What became of a chunk.

    Attributes:
        added: Who gets mail now.
        unsubscribed: Who is kept as having left, or left by this list.
        pending: Who is kept as not having confirmed.
        suppressed: Whose address is suppressed now.
    """

    added: int = 0
    updated: int = 0
    unsubscribed: int = 0
    pending: int = 0
    suppressed: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """How many entries changed something."""
        return self.added + self.updated + self.unsubscribed + self.pending


def write_chunk(connection: Connection, entries: Sequence[Entry], terms: Terms) -> Written:
    """Write entries, whose keys differ, within the transaction that is open."""
    if not entries:
        return Written()
    written, postgres = Written(), connection.dialect.name == "postgresql"
    if postgres:
        connection.execute(text(_CREATE + _EMPTIED))
        connection.execute(text(_BY_INDEX))
    else:
        connection.execute(text(_CREATE))
        connection.execute(text("DELETE FROM list_stage"))
    _stage(connection, entries, postgres=postgres)
    values = {
        "newsletter": terms.newsletter_id,
        "basis": terms.basis,
        "source": terms.source,
        "wording": terms.wording,
        "language": terms.language.value,
        "moment": _instant(now(), postgres=postgres),
    }
    people = {entry.address.key: entry for entry in entries}
    _refuse_erased(connection, people, terms, written)
    left = _refuse_unwanted(connection, terms.newsletter_id, written)
    _add_people(connection, people, terms, written, values)
    if terms.update:
        written.updated = _run(connection, _merge(postgres=postgres), values)
    states = {entry.state for entry in entries}
    if SubscriptionState.UNSUBSCRIBED in states:
        _run(connection, _DEPARTURES.format(ends=_ENDS), values)
        written.unsubscribed = _run(connection, _END.format(theirs=_THEIRS, ends=_ENDS), values)
    if any(row.again for row in left) or any(entry.consent.consented_at for entry in entries):
        written.added = _run(connection, _REVIVE.format(theirs=_THEIRS, **_GROUND), values)
    attributes = "CAST(s.attributes AS json)" if postgres else "s.attributes"
    subscribe = _SUBSCRIBE.format(attributes=attributes, **_GROUND)
    for state in sorted(states):
        count = _run(connection, subscribe, values | {"state": state.value})
        name = "added" if state is SubscriptionState.CONFIRMED else state.value
        setattr(written, name, getattr(written, name) + count)
    if any(entry.suppressed for entry in entries):
        written.suppressed = _run(connection, _SUPPRESS, values)
    if any(entry.tags for entry in entries):
        told = "json_array_elements_text(CAST(tags AS json))" if postgres else "json_each(tags)"
        _run(connection, _TAG.format(tags=told), values)
    return written


def _refuse_erased(
    connection: Connection, people: dict[str, Entry], terms: Terms, written: Written
) -> None:
    """Take out who was erased, also of ``people``."""
    if terms.pseudonyms is None:
        return
    erased = [people.pop(key) for key in erased_among(connection, people, terms.pseudonyms)]
    rows = [(entry.line, entry.address.address) for entry in erased]
    _refuse(connection, rows, _ERASED, written)


def _add_people(
    connection: Connection,
    people: dict[str, Entry],
    terms: Terms,
    written: Written,
    values: dict[str, Any],
) -> None:
    """Add who is new, and hold everybody until the transaction ends.

    PostgreSQL erases at the same moment: who was erased while this waited is taken out again.
    """
    if connection.dialect.name != "postgresql":
        _run(connection, _PEOPLE, values)
        return
    while True:
        before = connection.begin_nested()
        _run(connection, _PEOPLE, values)
        connection.execute(text(_HOLD))
        if terms.pseudonyms is None or not erased_among(connection, people, terms.pseudonyms):
            before.commit()
            return
        before.rollback()
        _refuse_erased(connection, people, terms, written)


def _refuse_unwanted(
    connection: Connection, newsletter_id: int, written: Written
) -> Sequence[Row[Any]]:
    """Take out who is suppressed, or left and has no newer consent; return who left."""
    scope = {"newsletter": newsletter_id}
    suppressed = connection.execute(text(_SUPPRESSED), scope).all()
    _refuse(connection, [(row.line, row.address) for row in suppressed], _IS_SUPPRESSED, written)
    left = connection.execute(text(_LEFT), scope).all()
    _refuse(connection, [(row.line, row.address) for row in left if not row.again], _GONE, written)
    return left


def _run(connection: Connection, statement: str, values: dict[str, Any]) -> int:
    clause = text(statement)
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    return connection.execute(clause, used).rowcount


def _refuse(
    connection: Connection, rows: Sequence[tuple[int, str]], reason: Message, written: Written
) -> None:
    written.problems += [
        Problem(line=line, field="address", value=address, problem=reason, address=address)
        for line, address in rows
    ]
    if rows:
        connection.execute(_TAKE_OUT, {"lines": [line for line, _ in rows]})


def _merge(*, postgres: bool) -> str:
    if postgres:
        merged = (
            "CAST(CAST(subscription.attributes AS jsonb) || CAST(s.attributes AS jsonb) AS json)"
        )
        differs = "NOT CAST(subscription.attributes AS jsonb) @> CAST(s.attributes AS jsonb)"
    else:
        merged = "json_patch(subscription.attributes, s.attributes)"
        differs = f"{merged} <> json(subscription.attributes)"
    return _UPDATE.format(merged=merged, differs=differs, theirs=_THEIRS)


def _instant(value: datetime | None, *, postgres: bool) -> datetime | str | None:
    """Return an instant as raw SQL takes it; SQLite keeps the text that SQLAlchemy writes."""
    if value is None or postgres:
        return value
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _stage(connection: Connection, entries: Sequence[Entry], *, postgres: bool) -> None:
    rows = [
        (
            entry.line,
            entry.address.address,
            entry.address.key,
            entry.address.domain,
            entry.name,
            entry.language,
            entry.time_zone,
            entry.format,
            json.dumps(entry.attributes, ensure_ascii=False) if entry.attributes else "{}",
            json.dumps(entry.tags, ensure_ascii=False) if entry.tags else "[]",
            entry.state.value,
            entry.consent.basis,
            entry.consent.source,
            entry.consent.wording,
            _instant(entry.consent.consented_at, postgres=postgres),
            _instant(entry.consent.confirmed_at, postgres=postgres),
            _instant(entry.unsubscribed_at, postgres=postgres),
            _instant(entry.paused_until, postgres=postgres),
            *_suppression(entry, postgres=postgres),
        )
        for entry in entries
    ]
    with _as_database_error(connection) as driver:
        if postgres:
            with (
                driver.cursor() as cursor,
                cursor.copy(f"COPY list_stage ({_COLUMNS}) FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join("?" * len(rows[0]))
            driver.executemany(f"INSERT INTO list_stage ({_COLUMNS}) VALUES ({marks})", rows)  # noqa: S608


@contextmanager
def _as_database_error(connection: Connection) -> Iterator[Any]:
    """Yield the driver's own connection, whose errors are raised as SQLAlchemy's are.

    Raises:
        DBAPIError: See SQLAlchemy; without the values, which are people's addresses.
    """
    driver, dialect = connection.connection.driver_connection, connection.dialect
    assert driver is not None  # noqa: S101 - the connection is open
    errors = dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as error:
        is_gone = dialect.is_disconnect(error, driver, None)
        if is_gone:
            connection.invalidate(error)
        raise DBAPIError.instance(
            "COPY list_stage",
            None,
            error,
            errors,
            hide_parameters=True,
            connection_invalidated=is_gone,
            dialect=dialect,
        ) from None


def _suppression(entry: Entry, *, postgres: bool) -> tuple[str, datetime | str | None, str]:
    found = entry.suppressed
    if found is None:
        return "", None, ""
    return found.reason.value, _instant(found.since, postgres=postgres), found.evidence
