"""A new signing key before the old one, and later without it: what was sealed or opened before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pyotp
import pytest
from sqlalchemy import Engine

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.accounts.passwords import hash_password
from newsletter.accounts.sealing import Sealed, Sealer
from newsletter.accounts.second_factor import enrol, new_secret, use_code
from newsletter.database.engine import open_engine, transaction
from newsletter.database.tables import AccountRow
from newsletter.errors import AccountError

_OLD, _NEW = b"o" * 32, b"n" * 32
_MINUTE = 60


class _Owner:
    """An account whose second factor the old key sealed."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._secret = engine, new_secret()
        sealed = Sealer([_OLD]).seal(self._secret, Sealed.SECOND_FACTOR)
        with transaction(self._engine) as session:
            row = AccountRow(
                address="o@example.jp",
                address_key="o@example.jp",
                password_hash=hash_password("a long password of 47"),
            )
            session.add(row)
            session.flush()
            self._id = row.id
            self.recovery = enrol(session, COMMAND_LINE, row.id, sealed=sealed, step=0)

    def brings(self, keys: list[bytes], code: str = "", *, later: int = 0) -> bool:
        """Tell whether a code signs in under some keys."""
        moment = time.time() + later
        code = code or pyotp.TOTP(self._secret).at(moment)
        with transaction(self._engine) as session:
            account = session.get_one(AccountRow, self._id, with_for_update=True)
            return use_code(
                session, Sealer(keys), account, code, datetime.fromtimestamp(moment, UTC)
            )


@pytest.fixture
def owner(sqlite_url: str) -> Iterator[_Owner]:
    engine = open_engine(sqlite_url)
    yield _Owner(engine)
    engine.dispose()


def test_a_second_factor_that_was_used_under_a_new_key_needs_the_old_one_no_more(
    owner: _Owner,
) -> None:
    assert owner.brings([_NEW, _OLD])
    assert owner.brings([_NEW], later=_MINUTE)


def test_recovery_codes_are_taken_without_the_key_of_the_second_factor(owner: _Owner) -> None:
    with pytest.raises(AccountError):
        owner.brings([_NEW])
    assert owner.brings([_NEW], owner.recovery[0])
    with pytest.raises(AccountError):
        owner.brings([_NEW], owner.recovery[0])


def test_a_form_that_was_open_when_the_keys_changed_is_taken() -> None:
    token = Sealer([_OLD]).form_token("holder")
    assert Sealer([_NEW, _OLD]).form_token_matches("holder", token)
    assert not Sealer([_NEW]).form_token_matches("holder", token)
    assert not Sealer([_NEW, _OLD]).form_token_matches("other", token)
