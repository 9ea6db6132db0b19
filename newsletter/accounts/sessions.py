"""Sessions: browsers that are signed in, kept in the database so that they can be revoked."""

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

#: How long a session lives, and how long it may lie unused.
LIFETIME = timedelta(days=14)
_IDLE = timedelta(days=3)
#: The second factor is asked for this long.
_PENDING = timedelta(minutes=10)
#: ``seen_at`` is written no oftener.
_SEEN_STEP = timedelta(minutes=5)


def open_session(session: Session, account_id: int, browser: Browser, *, verified: bool) -> str:
    """Begin a session in place of the browser's former one; return its token.

    Verified, it counts as having signed in, also where a link began it; unverified, it may do
    nothing but bring the code. The former one loses its cookie, so that nobody could sign out of
    it any more.
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
    """Return a living session and its account; None when it ended or the account is disabled."""
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
    """Return whether it is time to write down that a session is in use."""
    return row.seen_at < moment - _SEEN_STEP


def touch_session(session: Session, session_id: int, moment: datetime) -> None:
    """Write down that a session is in use."""
    session.execute(
        update(AccountSessionRow).where(AccountSessionRow.id == session_id).values(seen_at=moment)
    )


def choose_language(session: Session, token: str, language: Language) -> None:
    """Keep the language for a session's account; one that owes the second factor chooses none."""
    session_row = find_session(session, token)
    if session_row is not None and session_row[0].verified_at is not None:
        session.get_one(AccountRow, session_row[1].id).language = language


def list_sessions(session: Session, account_id: int) -> Sequence[AccountSessionRow]:
    """Return an account's living sessions, the last used first."""
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
    """Revoke an account's sessions, ``besides`` one; browsers that it knew are strangers again."""
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
    """Return how often all sessions of an account were ended: what a known browser is known by."""
    return session.get_one(AccountRow, account_id).sessions_ended


#: The data calls Apple's system as it was called until 2016.
_SYSTEMS = {"Mac OS X": "macOS"}


def name_browser(user_agent: str) -> Message | str:
    """Return browser and system, such as "Firefox on Windows"; empty where neither is known.

    The header is written by the browser and can say anything: it tells one's own sessions apart,
    and nothing is decided by it.

    Args:
        user_agent: The ``User-Agent`` header (RFC 9110, section 10.1.5), as kept.
    """
    from ua_parser import parse  # noqa: PLC0415 - a thousand patterns that one page needs

    parsed = parse(user_agent)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    family = parsed.os.family if parsed.os else ""
    system = _SYSTEMS.get(family, family)
    if browser and system:
        return msg("{browser} on {system}", browser=browser, system=system)
    return browser or system
