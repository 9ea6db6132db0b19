"""Signing keys: a key whose links are still in use must not be removed by mistake.

Without the key, unsubscribe links in mails of the last months do not work, bounces are not
recognised, and a message that is sent again has another Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Engine, exists, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, audited
from newsletter.accounts.audit_actions import Action
from newsletter.database.engine import reading, transaction
from newsletter.database.insert import insert_missing
from newsletter.database.tables import MailingRow, SigningKeyRow
from newsletter.database.types import now
from newsletter.errors import NotFoundError, Place, SettingError
from newsletter.i18n.messages import msg

#: How long links in mails are expected to be used.
_IN_USE = timedelta(days=365)
_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownKey:
    """A key that this database was used with; ``in_use`` while links of its mails may be used."""

    fingerprint: str
    first_seen_at: datetime
    forgotten_at: datetime | None
    in_use: bool


def fingerprint(key: bytes) -> str:
    """Return an identifier of a key that does not reveal it."""
    return sha256(b"newsletter signing key\0" + key).hexdigest()[:_DIGITS]


def require_keys(engine: Engine, keys: Sequence[bytes]) -> None:
    """Record the present keys, and check that none is missing whose links are in use.

    Raises:
        SettingError: Such a key is missing; the message says what to do.
    """
    present = [fingerprint(key) for key in keys]
    with reading(engine) as session:
        known = list_keys(session)
    lost = [
        key
        for key in known
        if key.in_use and key.forgotten_at is None and key.fingerprint not in present
    ]
    if lost:
        raise SettingError(
            msg(
                "The key {fingerprint}, which signed the links of emails sent within the "
                "last year, is missing: their unsubscribe links would stop working.",
                fingerprint=lost[0].fingerprint,
            ),
            place=Place(source=msg("settings"), field="SECRET_KEYS"),
            remedy=msg(
                "Put it back after the new one (or restore secret.key in DATA_DIR). If it is "
                "lost or was stolen: newsletter key forget {fingerprint} --reason …",
                fingerprint=lost[0].fingerprint,
            ),
        )
    if added := set(present) - {key.fingerprint for key in known}:
        moment = now()
        with transaction(engine) as session:
            rows = [{"fingerprint": each, "first_seen_at": moment} for each in sorted(added)]
            insert_missing(session, SigningKeyRow, rows)


def list_keys(session: Session) -> Sequence[KnownKey]:
    """Return the keys that this database was used with, the oldest first."""
    rows = session.scalars(select(SigningKeyRow).order_by(SigningKeyRow.first_seen_at)).all()
    return [
        KnownKey(
            fingerprint=row.fingerprint,
            first_seen_at=row.first_seen_at,
            forgotten_at=row.forgotten_at,
            in_use=_is_in_use(session, row, rows),
        )
        for row in rows
    ]


def _is_in_use(session: Session, row: SigningKeyRow, rows: Sequence[SigningKeyRow]) -> bool:
    """Return whether a key was the signing key, and mail was sent, within the last year."""
    later = (other.first_seen_at for other in rows if other.first_seen_at > row.first_seen_at)
    until = min(later, default=None)
    signed = MailingRow.started_at >= max(row.first_seen_at, now() - _IN_USE)
    if until is not None:
        signed &= MailingRow.started_at <= until
    return bool(session.scalar(select(exists().where(signed))))


def forget_key(engine: Engine, actor: Actor, name: str, *, reason: str) -> None:
    """Accept that links signed with a key do not work any more.

    Raises:
        NotFoundError: This database was never used with the key.
        OrderError: The reason is missing.
    """
    with audited(engine, actor, Action.KEY_FORGET, on=f"key {name}", reason=reason) as session:
        forgotten = session.scalar(
            update(SigningKeyRow)
            .where(SigningKeyRow.fingerprint == name)
            .values(forgotten_at=now())
            .returning(SigningKeyRow.fingerprint)
        )
        if forgotten is None:
            raise NotFoundError(
                msg("There is no key {name}.", name=name),
                command=msg("See the list with: newsletter key list."),
            )
