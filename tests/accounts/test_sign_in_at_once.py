"""Signing in while the account changes: on PostgreSQL both run at once, and the change wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pyotp
import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from newsletter.accounts.administration import disable_account
from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.invitations import accept, invite, reset_link
from newsletter.accounts.passwords import hash_password
from newsletter.accounts.sealing import Sealed, Sealer
from newsletter.accounts.second_factor import (
    enrol,
    new_secret,
    renew_recovery_codes,
    use_code,
)
from newsletter.accounts.sign_in import SignedIn, set_password, sign_in, verify_code
from newsletter.accounts.sign_in_limits import Browser
from newsletter.database.engine import open_engine, reading, transaction
from newsletter.database.tables import AccountRow, AccountSessionRow, RecoveryCodeRow
from newsletter.errors import ConflictError, SignInError
from tests.support.locks import await_lock

_ADDRESS, _OLD, _NEW = "owner@example.jp", "the password so far", "another password"
_SEALER = Sealer([b"k" * 32])
_BROWSER = Browser(network="192.0.2.1")


@dataclass(frozen=True)
class _Owner:
    engine: Engine
    account_id: int

    def sign_in(self) -> SignedIn:
        return sign_in(self.engine, _BROWSER, address=_ADDRESS, password=_OLD)

    def change_password(self, session: Session) -> None:
        set_password(session, COMMAND_LINE, self.account_id, hash_password(_NEW))

    def put_factor_on(self, session: Session, secret: str = "") -> list[str]:
        sealed = _SEALER.seal(secret or new_secret(), Sealed.SECOND_FACTOR)
        return enrol(session, COMMAND_LINE, self.account_id, sealed=sealed, step=0)

    def sessions(self) -> int:
        with reading(self.engine) as session:
            whole = AccountSessionRow.verified_at.is_not(None)
            return len(session.scalars(select(AccountSessionRow.id).where(whole)).all())


@pytest.fixture
def owner(postgres_url: str) -> Iterator[_Owner]:
    engine = open_engine(postgres_url)
    with transaction(engine) as session:
        row = AccountRow(address=_ADDRESS, address_key=_ADDRESS, password_hash=hash_password(_OLD))
        session.add(row)
    yield _Owner(engine, row.id)
    engine.dispose()


def _while_changed(
    owner: _Owner, change: Callable[[Session], object], work: Callable[[], object]
) -> BaseException | None:
    """Run work while a change is open, and commit that once the work waits for it."""
    with ThreadPoolExecutor(1) as thread:
        with transaction(owner.engine) as session:
            change(session)
            session.flush()
            running = thread.submit(work)
            await_lock(owner.engine, running)
        return running.exception(timeout=60)


def test_no_session_begins_by_a_password_that_is_being_changed(owner: _Owner) -> None:
    error = _while_changed(owner, owner.change_password, owner.sign_in)
    assert (type(error), owner.sessions()) == (SignInError, 0)


def test_no_session_begins_of_an_account_that_is_being_disabled(owner: _Owner) -> None:
    def disable(session: Session) -> None:
        disable_account(session, COMMAND_LINE, owner.account_id)

    error = _while_changed(owner, disable, owner.sign_in)
    assert (type(error), owner.sessions()) == (SignInError, 0)


def test_no_session_begins_by_a_password_that_a_link_is_changing(owner: _Owner) -> None:
    with transaction(owner.engine) as session:
        link = reset_link(session, COMMAND_LINE, owner.account_id)

    def change(session: Session) -> None:
        accept(session, COMMAND_LINE, link, password=_NEW)

    error = _while_changed(owner, change, owner.sign_in)
    assert (type(error), owner.sessions()) == (SignInError, 0)


def test_a_session_owes_the_second_factor_that_is_being_put_on(owner: _Owner) -> None:
    assert _while_changed(owner, owner.put_factor_on, owner.sign_in) is None
    assert owner.sessions() == 0


def test_no_code_completes_a_session_that_is_being_ended(owner: _Owner) -> None:
    secret = new_secret()
    with transaction(owner.engine) as session:
        owner.put_factor_on(session, secret)
    owing, code = owner.sign_in(), pyotp.TOTP(secret).at(time.time())

    def bring() -> None:
        verify_code(owner.engine, _SEALER, _BROWSER, token=owing.token, code=code)

    error = _while_changed(owner, owner.change_password, bring)
    assert (type(error), owner.sessions()) == (SignInError, 0)


@pytest.mark.parametrize("kind", ["authenticator", "recovery"])
def test_a_code_that_is_being_used_completes_no_second_session(owner: _Owner, kind: str) -> None:
    secret = new_secret()
    with transaction(owner.engine) as session:
        recovery = owner.put_factor_on(session, secret)[0]
    moment = datetime.now(UTC)
    code = recovery if kind == "recovery" else pyotp.TOTP(secret).at(moment)
    owing = owner.sign_in()

    def use(session: Session) -> None:
        account = session.get_one(AccountRow, owner.account_id)
        assert use_code(session, _SEALER, account, code, moment)

    def bring() -> None:
        verify_code(owner.engine, _SEALER, _BROWSER, token=owing.token, code=code)

    error = _while_changed(owner, use, bring)
    assert (type(error), owner.sessions()) == (SignInError, 0)


def test_of_recovery_codes_that_are_renewed_twice_at_once_one_set_is_good(owner: _Owner) -> None:
    with transaction(owner.engine) as session:
        codes = owner.put_factor_on(session)

    def renew(session: Session) -> None:
        renew_recovery_codes(session, COMMAND_LINE, owner.account_id)

    def renew_too() -> None:
        with transaction(owner.engine) as session:
            renew(session)

    assert _while_changed(owner, renew, renew_too) is None
    with reading(owner.engine) as session:
        good = session.scalar(select(func.count()).select_from(RecoveryCodeRow))
    assert good == len(codes)


def test_who_is_accepting_an_invitation_is_not_invited_once_more(owner: _Owner) -> None:
    def invite_them(session: Session) -> str:
        return invite(session, COMMAND_LINE, address="new@example.jp", grants=())

    def invite_again() -> None:
        with transaction(owner.engine) as session:
            invite_them(session)

    with transaction(owner.engine) as session:
        link = invite_them(session)

    def take(session: Session) -> None:
        accept(session, COMMAND_LINE, link, name="New", password=_NEW)

    assert isinstance(_while_changed(owner, take, invite_again), ConflictError)
    with reading(owner.engine) as session:
        name = select(AccountRow.name).where(AccountRow.address_key == "new@example.jp")
        assert session.scalar(name) == "New"
