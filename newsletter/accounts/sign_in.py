"""Signing in: with the password, and with the second factor if the account has one.

Sessions are created under a lock on the account's row. Changing the password or the second factor
first updates this row and then ends all sessions. So a session that is created at the same time is
either ended with the others, or not created.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.accounts import sign_in_limits
from newsletter.accounts.audit import NOBODY, Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import revoke_links
from newsletter.accounts.passwords import hash_password, needs_new_hash, password_matches
from newsletter.accounts.sealing import Sealer
from newsletter.accounts.second_factor import use_code
from newsletter.accounts.sessions import (
    end_all_sessions,
    end_session,
    find_session,
    open_session,
)
from newsletter.accounts.sign_in_limits import Attempt, Browser
from newsletter.addresses import parse_address
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow
from newsletter.database.types import now
from newsletter.errors import ListError, SignInError
from newsletter.i18n.messages import msg


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A new session; ``complete`` is False while the second factor is missing."""

    token: str
    complete: bool
    account_id: int


def sign_in(engine: Engine, browser: Browser, *, address: str, password: str) -> SignedIn:
    """Create a session by address and password.

    Raises:
        SignInError: Address or password is wrong, or there were too many attempts. Neither the
            error nor the duration reveals whether the address exists.
    """
    key = _key_of(address)
    with reading(engine) as session:
        account = session.scalar(select(AccountRow).where(AccountRow.address_key == key))
    _count(engine, Attempt.PASSWORD, key, browser, account)
    stored = account.password_hash if account else None
    if not password_matches(stored, password) or account is None or account.disabled_at:
        _log_failure(engine, account, browser, "password")
        raise SignInError(msg("The address or the password is not correct."))
    with transaction(engine) as session:
        account = session.get_one(AccountRow, account.id, with_for_update=True)
        if account.password_hash != stored or account.disabled_at is not None:
            raise SignInError(msg("The address or the password is not correct."))
        if stored is not None and needs_new_hash(stored):
            account.password_hash = hash_password(password)
        complete = account.totp_secret is None
        if complete:
            _complete_sign_in(session, account, browser)
        return SignedIn(
            token=open_session(session, account.id, browser, verified=complete),
            complete=complete,
            account_id=account.id,
        )


def verify_code(
    engine: Engine, sealer: Sealer, browser: Browser, *, token: str, code: str
) -> SignedIn:
    """Exchange an unverified session for a verified one, with a new token.

    Raises:
        SignInError: The code is wrong or was used, the session has expired, or there were too many
            attempts.
    """
    time_is_up = SignInError(msg("The time is up."), remedy=msg("Sign in again."))
    with reading(engine) as session:
        found = find_session(session, token)
    if found is None or found[0].verified_at is not None:
        raise time_is_up
    _count(engine, Attempt.CODE, str(found[1].id), browser, found[1])
    with transaction(engine) as session:
        account = session.get_one(AccountRow, found[1].id, with_for_update=True)
        if find_session(session, token) is None:
            raise time_is_up
        fits = use_code(session, sealer, account, code, now())
        if fits:
            sign_in_limits.forgive(session, Attempt.CODE, account=str(account.id), browser=browser)
            _complete_sign_in(session, account, browser)
            owing = replace(browser, session=token)
            whole = open_session(session, account.id, owing, verified=True)
            return SignedIn(token=whole, complete=True, account_id=account.id)
    _log_failure(engine, found[1], browser, "second factor")
    raise SignInError(msg("This code is not correct or has been used already."))


def prove_password(engine: Engine, browser: Browser, account_id: int, password: str) -> None:
    """Check the password again, before a sensitive action.

    Raises:
        SignInError: The password is wrong, or there were too many attempts.
    """
    with reading(engine) as session:
        account = session.get_one(AccountRow, account_id)
    _count(engine, Attempt.PASSWORD, account.address_key, browser, account)
    if not password_matches(account.password_hash, password):
        _log_failure(engine, account, browser, "password")
        raise SignInError(msg("The password is not correct."))
    with transaction(engine) as session:
        sign_in_limits.forgive(
            session, Attempt.PASSWORD, account=account.address_key, browser=browser
        )


def set_password(session: Session, actor: Actor, account_id: int, hashed: str) -> None:
    """Change one's own password; end all sessions and revoke all one-time links."""
    session.get_one(AccountRow, account_id).password_hash = hashed
    session.flush()
    revoke_links(session, account_id)
    end_all_sessions(session, account_id)
    record_event(session, actor, Action.ACCOUNT_PASSWORD, object=f"account {account_id}")


def revoke_session(session: Session, actor: Actor, account_id: int, session_id: int) -> None:
    """Sign out another browser of the account."""
    end_session(session, account_id, session_id)
    record_event(session, actor, Action.SESSION_REVOKE, object=f"account {account_id}")


def sign_out(session: Session, actor: Actor, account_id: int, session_id: int) -> None:
    """End the present session."""
    end_session(session, account_id, session_id)
    record_event(session, actor, Action.SESSION_END, object=f"account {account_id}")


def _complete_sign_in(session: Session, account: AccountRow, browser: Browser) -> None:
    sign_in_limits.forgive(session, Attempt.PASSWORD, account=account.address_key, browser=browser)
    record_event(session, _as_actor(account, browser), Action.SESSION_BEGIN)


def _count(
    engine: Engine, attempt: Attempt, name: str, browser: Browser, account: AccountRow | None
) -> None:
    # A browser is known only to the account that signed in from it before, and only until all
    # sessions of that account were ended: the browser may have been stolen.
    known_to = (browser.known_to, browser.known_since)
    own = account is not None and (account.id, account.sessions_ended) == known_to
    known = replace(browser, known="" if not own else browser.known)
    if not sign_in_limits.count_try(engine, attempt, account=name, browser=known, moment=now()):
        minutes = int(sign_in_limits.WINDOW.total_seconds()) // 60
        raise SignInError(
            msg("There were too many attempts."),
            remedy=msg("Try again in {minutes} minutes.", minutes=minutes),
        )


def _log_failure(engine: Engine, account: AccountRow | None, browser: Browser, what: str) -> None:
    # An address without an account is not logged: it may be a password in the wrong field.
    actor = replace(NOBODY, network=browser.network)
    with transaction(engine) as session:
        record_event(
            session,
            actor,
            Action.SESSION_REFUSE,
            object=f"account {account.id}" if account else "",
            reason=what,
        )


def _as_actor(account: AccountRow, browser: Browser) -> Actor:
    return Actor(account_id=account.id, name=account.address, network=browser.network)


def _key_of(address: str) -> str:
    try:
        return parse_address(address).key
    except ListError:
        return address.strip().casefold()[:320]
