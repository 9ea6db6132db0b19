"""Store received messages in a SQLite file, whole and in the order of arrival."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    raw BLOB NOT NULL
)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A message as shown in the list of the inbox; ``received_at`` is in UTC."""

    id: int
    received_at: datetime
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A message with its octets."""

    summary: Summary
    raw: bytes

    def parsed(self) -> EmailMessage:
        """Return the message parsed by Python's email package."""
        message = message_from_bytes(self.raw, policy=default)
        assert isinstance(message, EmailMessage)  # noqa: S101 - the policy creates this class
        return message


class MailboxStore:
    """A mailbox; any number of processes may use one file at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30)) as connection, connection:
            connection.execute("PRAGMA synchronous = OFF")
            yield connection

    def add(self, raw: bytes, *, sender: str, recipient: str) -> int:
        """Store a message; return its number."""
        subject = str(message_from_bytes(raw[:20_000], policy=default)["Subject"] or "")
        with self._open() as connection:
            cursor = connection.execute(
                "INSERT INTO message (sender, recipient, subject, raw) VALUES (?, ?, ?, ?)",
                (sender, recipient, subject, raw),
            )
            return int(cursor.lastrowid or 0)

    def newest(self) -> int:
        """Return the number of the newest message, 0 if there is none."""
        with self._open() as connection:
            return int(connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()[0])

    def count(self, *, after: int = 0) -> int:
        """Return the number of messages that arrived after number ``after``."""
        with self._open() as connection:
            row = connection.execute("SELECT count(*) FROM message WHERE id > ?", (after,))
            return int(row.fetchone()[0])

    def list(self, *, search: str = "", offset: int = 0, limit: int = 50) -> list[Summary]:
        """Return messages with ``search`` in their recipient or subject, the newest first."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT id, received_at, sender, recipient, subject FROM message"
                " WHERE instr(lower(recipient || ' ' || subject), lower(?)) > 0"
                " ORDER BY id DESC LIMIT ? OFFSET ?",
                (search, limit, offset),
            ).fetchall()
        return [_summary(row) for row in rows]

    def get(self, number: int) -> Stored | None:
        """Return a message, or None if there is none of that number."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT id, received_at, sender, recipient, subject, raw FROM message WHERE id = ?",
                (number,),
            ).fetchone()
        return None if row is None else Stored(summary=_summary(row[:5]), raw=row[5])


def _summary(row: tuple[int, str, str, str, str]) -> Summary:
    number, received_at, sender, recipient, subject = row
    return Summary(
        id=number,
        received_at=datetime.fromisoformat(received_at),
        sender=sender,
        recipient=recipient,
        subject=subject,
    )
