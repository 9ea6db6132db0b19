"""A chunk of a list into the tables: staged by COPY or executemany, then moved by set-based SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text

from newsletter.database.types import now
from newsletter.language import Language
from subscribers.list_columns import Entry, Problem

_COLUMNS = (
    "line, address, address_key, domain, name, language, time_zone, attributes, consented_at, tags"
)
_CREATE = """CREATE TEMPORARY TABLE IF NOT EXISTS list_stage (
    line bigint NOT NULL, address varchar(320) NOT NULL, address_key varchar(320) NOT NULL,
    domain varchar(255) NOT NULL, name varchar(200) NOT NULL, language varchar(64) NOT NULL,
    time_zone varchar(64) NOT NULL, attributes text NOT NULL,
    consented_at timestamp with time zone, tags text NOT NULL)"""
#: Nothing vacuums a temporary table: rows deleted from it would be read again by each chunk.
_EMPTIED = " ON COMMIT DELETE ROWS"
#: Without statistics PostgreSQL reads all subscribers to join them to the few of a chunk.
_BY_INDEX = """SELECT set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)"""
_SUPPRESSED = """SELECT line, address FROM list_stage WHERE EXISTS (
    SELECT 1 FROM suppression WHERE suppression.address_key = list_stage.address_key
    AND (newsletter_id IS NULL OR newsletter_id = :newsletter))"""
_LEFT = """SELECT list_stage.line, list_stage.address,
        list_stage.consented_at > subscription.unsubscribed_at AS again FROM list_stage
    JOIN subscriber ON subscriber.address_key = list_stage.address_key
    JOIN subscription ON subscription.subscriber_id = subscriber.id
        AND subscription.newsletter_id = :newsletter
    WHERE subscription.state = 'unsubscribed'"""
_PEOPLE = """INSERT INTO subscriber (address, address_key, domain, created_at)
    SELECT address, address_key, domain, :moment FROM list_stage WHERE true
    ON CONFLICT (address_key) DO NOTHING"""
_UPDATE = """UPDATE subscription SET
        name = CASE WHEN s.name = '' THEN subscription.name ELSE s.name END,
        language = CASE WHEN s.language = '' THEN subscription.language ELSE s.language END,
        time_zone = CASE WHEN s.time_zone = '' THEN subscription.time_zone ELSE s.time_zone END,
        attributes = {merged}
    FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    WHERE subscription.subscriber_id = p.id AND subscription.newsletter_id = :newsletter AND (
        (s.name <> '' AND s.name <> subscription.name)
        OR (s.language <> '' AND s.language <> subscription.language)
        OR (s.time_zone <> '' AND s.time_zone <> subscription.time_zone)
        OR {differs})"""
_SUBSCRIBE = """INSERT INTO subscription (newsletter_id, subscriber_id, state, consent_basis,
        consent_source, consent_wording, consented_at, confirmed_at, name, language, time_zone,
        format, attributes)
    SELECT :newsletter, subscriber.id, 'confirmed', :basis, :source, :wording,
        coalesce(list_stage.consented_at, :moment), :moment, name,
        CASE WHEN language = '' THEN :language ELSE language END, time_zone, 'html', {attributes}
    FROM list_stage JOIN subscriber ON subscriber.address_key = list_stage.address_key WHERE true
    ON CONFLICT (newsletter_id, subscriber_id) DO NOTHING"""
_REVIVE = """UPDATE subscription SET state = 'confirmed', consent_basis = :basis,
        consent_source = :source, consent_wording = :wording, consented_at = s.consented_at,
        confirmed_at = :moment, unsubscribed_at = NULL
    FROM list_stage AS s JOIN subscriber AS p ON p.address_key = s.address_key
    WHERE subscription.subscriber_id = p.id AND subscription.newsletter_id = :newsletter
    AND subscription.state = 'unsubscribed' AND s.consented_at > subscription.unsubscribed_at"""
_TAG = """INSERT INTO subscription_tag (newsletter_id, subscriber_id, tag)
    SELECT :newsletter, subscriber.id, told.value
    FROM list_stage JOIN subscriber ON subscriber.address_key = list_stage.address_key
    CROSS JOIN {tags} AS told WHERE true ON CONFLICT DO NOTHING"""

_TAKE_OUT = text("DELETE FROM list_stage WHERE line IN :lines").bindparams(
    bindparam("lines", expanding=True)
)
_IS_SUPPRESSED = "It is suppressed."
_GONE = "This person left; only their own new consent brings them back."


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Under which terms a chunk is taken; ``update`` lets the list overwrite what is known."""

    newsletter_id: int
    basis: str
    source: str
    wording: str
    language: Language
    update: bool


@dataclass(kw_only=True, slots=True)
class Written:
    """What became of a chunk."""

    added: int = 0
    updated: int = 0
    problems: list[Problem] = field(default_factory=list)


def write_chunk(connection: Connection, entries: Sequence[Entry], terms: Terms) -> Written:
    """Write entries, whose keys differ, within the transaction that is open."""
    if not entries:
        return Written()
    written, postgres = Written(), connection.dialect.name == "postgresql"
    moment = _instant(now(), postgres=postgres)
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
        "moment": moment,
    }
    scope = {"newsletter": terms.newsletter_id}
    suppressed = connection.execute(text(_SUPPRESSED), scope).all()
    _refuse(connection, [(row.line, row.address) for row in suppressed], _IS_SUPPRESSED, written)
    left = connection.execute(text(_LEFT), scope).all()
    _refuse(connection, [(row.line, row.address) for row in left if not row.again], _GONE, written)
    if terms.update:
        written.updated = _run(connection, _merge(postgres=postgres), values)
    attributes = "CAST(attributes AS json)" if postgres else "attributes"
    _run(connection, _PEOPLE, values)
    if any(row.again for row in left):
        written.added = _run(connection, _REVIVE, values)
    written.added += _run(connection, _SUBSCRIBE.format(attributes=attributes), values)
    if any(entry.tags for entry in entries):
        told = "json_array_elements_text(CAST(tags AS json))" if postgres else "json_each(tags)"
        _run(connection, _TAG.format(tags=told), values)
    return written


def _run(connection: Connection, statement: str, values: dict[str, Any]) -> int:
    clause = text(statement)
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    return connection.execute(clause, used).rowcount


def _refuse(
    connection: Connection, rows: Sequence[tuple[int, str]], reason: str, written: Written
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
    return _UPDATE.format(merged=merged, differs=differs)


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
            json.dumps(entry.attributes, ensure_ascii=False) if entry.attributes else "{}",
            _instant(entry.consented_at, postgres=postgres),
            json.dumps(entry.tags, ensure_ascii=False) if entry.tags else "[]",
        )
        for entry in entries
    ]
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - the connection is open
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
