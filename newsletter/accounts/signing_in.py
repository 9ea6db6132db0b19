"""Signing in: a password, then the second factor where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from newsletter.accounts import limits
from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.passwords import hash_password, needs_new_hash, password_matches
from newsletter.accounts.sealing import Sealer
from newsletter.accounts.second_factor import use_code
from newsletter.accounts.sessions import Browser, end_session, find_session, open_session
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import AccountRow
from newsletter.database.types import now
from newsletter.errors import ListError, SignInError
from subscribers.addresses import parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A session begun; ``complete`` unless the second factor is still owed."""

    token: str
    complete: bool


def sign_in(engine: Engine, browser: Browser, *, address: str, password: str) -> SignedIn:
    """Begin a session by address and password.

    Raises:
        SignInError: They do not fit, or were tried too often. Which of the two was wrong is not
            said, and takes as long to find out.
    """
    key = _key_of(address)
    _count(engine, key, browser)
    with reading(engine) as session:
        account = session.scalar(select(AccountRow).where(AccountRow.address_key == key))
    stored = account.password_hash if account else None
    if not password_matches(stored, password) or account is None or account.disabled_at:
        _log_failure(engine, account, browser, "password")
        raise SignInError("Address and password do not fit.")
    with transaction(engine) as session:
        account = session.get_one(AccountRow, account.id)
        if account.password_hash != stored:
            raise SignInError("Address and password do not fit.")
        if stored is not None and needs_new_hash(stored):
            account.password_hash = hash_password(password)
        complete = account.totp_secret is None
        if complete:
            _arrive(session, account, browser)
        return SignedIn(
            token=open_session(session, account.id, browser, verified=complete), complete=complete
        )


def bring_code(
    engine: Engine, sealer: Sealer, browser: Browser, *, token: str, code: str
) -> SignedIn:
    """Exchange a session that owes the second factor for a whole one, with a new token.

    Raises:
        SignInError: The code is wrong or used, the time is up, or it was tried too often.
    """
    with reading(engine) as session:
        found = find_session(session, token)
    if found is None or found[0].verified_at is not None:
        raise SignInError("The time is up.", remedy="Sign in again.")
    _count(engine, f"code:{found[1].id}", browser)
    with transaction(engine) as session:
        account = session.get_one(AccountRow, found[1].id)
        fits = use_code(session, sealer, account, code, now())
        if fits:
            end_session(session, account.id, found[0].id)
            limits.forgive(session, account=f"code:{account.id}")
            _arrive(session, account, browser)
            whole = open_session(session, account.id, browser, verified=True)
            return SignedIn(token=whole, complete=True)
    _log_failure(engine, found[1], browser, "second factor")
    raise SignInError("This code does not fit, or was used already.")


def prove_password(engine: Engine, browser: Browser, account_id: int, password: str) -> None:
    """Ask for the password again before something grave.

    Raises:
        SignInError: It does not fit, or was tried too often.
    """
    with reading(engine) as session:
        account = session.get_one(AccountRow, account_id)
    _count(engine, account.address_key, browser)
    if not password_matches(account.password_hash, password):
        _log_failure(engine, account, browser, "password")
        raise SignInError("The password does not fit.")
    with transaction(engine) as session:
        limits.forgive(session, account=account.address_key)


def _arrive(session: Session, account: AccountRow, browser: Browser) -> None:
    limits.forgive(session, account=account.address_key)
    account.signed_in_at = now()
    record_event(session, _as_actor(account, browser), "session.begin")


def _count(engine: Engine, account: str, browser: Browser) -> None:
    if not limits.count_try(engine, account=account, network=browser.network, moment=now()):
        minutes = int(limits.WINDOW.total_seconds()) // 60
        raise SignInError("This was tried too often.", remedy=f"Try again in {minutes} minutes.")


def _log_failure(engine: Engine, account: AccountRow | None, browser: Browser, what: str) -> None:
    # An address that has no account is not written down: it may be a mistyped password.
    actor = Actor(account_id=None, name="not signed in", network=browser.network)
    with transaction(engine) as session:
        record_event(
            session,
            actor,
            "session.refuse",
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
