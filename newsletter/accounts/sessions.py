"""Sessions of signed-in browsers, stored in the database so that they can be revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.tables import AccountRow, AccountSessionRow
from newsletter.database.types import now
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.tokens import new_token, token_hash

#: The lifetime of a session, and the maximum time without use.
LIFETIME = timedelta(days=14)
_IDLE = timedelta(days=3)
#: The time for entering the second factor.
_PENDING = timedelta(minutes=10)
#: The minimum interval between two updates of ``seen_at``.
_SEEN_STEP = timedelta(minutes=5)


def open_session(session: Session, account_id: int, browser: Browser, *, verified: bool) -> str:
    """Create a session and end the browser's previous one; return the new token.

    A verified session is signed in; an unverified one can only be used to enter the second factor.
    The previous session is ended because its cookie is overwritten, so that nobody could sign out
    of it later.
    """
    moment = now()
    token = new_token()
    is_over = AccountSessionRow.expires_at < moment
    if browser.session:
        is_over |= AccountSessionRow.token_hash == token_hash(browser.session)
    session.execute(delete(AccountSessionRow).where(is_over))
    session.add(
        AccountSessionRow(
            token_hash=token_hash(token),
            account_id=account_id,
            verified_at=moment if verified else None,
            expires_at=moment + (LIFETIME if verified else _PENDING),
            network=browser.network,
            user_agent=browser.user_agent[:200],
        )
    )
    if verified:
        session.get_one(AccountRow, account_id).signed_in_at = moment
    session.flush()
    return token


def find_session(session: Session, token: str) -> tuple[AccountSessionRow, AccountRow] | None:
    """Return a valid session and its account; None if it has ended or the account is disabled."""
    moment = now()
    row = session.execute(
        select(AccountSessionRow, AccountRow)
        .join(AccountRow, AccountRow.id == AccountSessionRow.account_id)
        .where(
            AccountSessionRow.token_hash == token_hash(token),
            AccountSessionRow.expires_at > moment,
            AccountSessionRow.seen_at > moment - _IDLE,
            AccountRow.disabled_at.is_(None),
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def is_seen_long_ago(row: AccountSessionRow, moment: datetime) -> bool:
    """Return whether ``seen_at`` should be updated."""
    return row.seen_at < moment - _SEEN_STEP


def touch_session(session: Session, session_id: int, moment: datetime) -> None:
    """Update the time of a session's last use."""
    session.execute(
        update(AccountSessionRow).where(AccountSessionRow.id == session_id).values(seen_at=moment)
    )


def choose_language(session: Session, token: str, language: Language) -> None:
    """Store the language for a session's account; unverified sessions cannot."""
    session_row = find_session(session, token)
    if session_row is not None and session_row[0].verified_at is not None:
        session.get_one(AccountRow, session_row[1].id).language = language


def list_sessions(session: Session, account_id: int) -> Sequence[AccountSessionRow]:
    """Return an account's valid sessions, the last used first."""
    return session.scalars(
        select(AccountSessionRow)
        .where(
            AccountSessionRow.account_id == account_id,
            AccountSessionRow.verified_at.is_not(None),
            AccountSessionRow.expires_at > now(),
        )
        .order_by(AccountSessionRow.seen_at.desc())
    ).all()


def end_session(session: Session, account_id: int, session_id: int) -> None:
    """Revoke one session of an account."""
    session.execute(
        delete(AccountSessionRow).where(
            AccountSessionRow.id == session_id, AccountSessionRow.account_id == account_id
        )
    )


def end_all_sessions(session: Session, account_id: int, *, besides: int | None = None) -> None:
    """Revoke an account's sessions except ``besides``; its browsers are not known any more."""
    session.execute(
        update(AccountRow)
        .where(AccountRow.id == account_id)
        .values(sessions_ended=AccountRow.sessions_ended + 1)
    )
    session.execute(
        delete(AccountSessionRow).where(
            AccountSessionRow.account_id == account_id, AccountSessionRow.id != (besides or 0)
        )
    )


def count_of_ends(session: Session, account_id: int) -> int:
    """Return how often all sessions of an account were ended, by which browsers are known."""
    return session.get_one(AccountRow, account_id).sessions_ended


#: The library uses the name of Apple's system until 2016.
_SYSTEMS = {"Mac OS X": "macOS"}


def name_browser(user_agent: str) -> Message | str:
    """Return browser and system, such as "Firefox on Windows"; empty if both are unknown.

    Browsers can send anything in this header. It only helps people to tell their own sessions
    apart; no decision depends on it.

    Args:
        user_agent: The stored ``User-Agent`` header (RFC 9110, section 10.1.5).
    """
    from ua_parser import parse  # noqa: PLC0415 - large, and needed by one page only

    parsed = parse(user_agent)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    family = parsed.os.family if parsed.os else ""
    system = _SYSTEMS.get(family, family)
    if browser and system:
        return msg("{browser} on {system}", browser=browser, system=system)
    return browser or system
