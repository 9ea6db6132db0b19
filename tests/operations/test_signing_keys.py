"""A key that signed links of the last year does not vanish without anybody's word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from newsletter.accounts.audit import COMMAND_LINE
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import MailingRow, SigningKeyRow
from newsletter.database.types import now
from newsletter.errors import NotFoundError, SettingError
from newsletter.mailings.planning.planning import plan_mailing
from newsletter.operations.signing_keys import fingerprint, forget_key, list_keys, require_keys
from tests.support.stage import set_stage

_OLD, _NEW = b"o" * 40, b"n" * 40


def _use(engine: Engine) -> None:
    """Use a database with one key, and send something."""
    require_keys(engine, [_OLD])
    stage = set_stage(engine)
    stage.subscribe("a@example.jp")
    plan_mailing(engine, stage.mail())


def test_a_key_in_use_that_is_gone_is_named_with_what_to_do(engine: Engine) -> None:
    _use(engine)
    with pytest.raises(SettingError) as caught:
        require_keys(engine, [_NEW])
    assert fingerprint(_OLD) in caught.value.what
    assert f"newsletter key forget {fingerprint(_OLD)}" in caught.value.remedy
    with reading(engine) as session:
        assert [key.fingerprint for key in list_keys(session)] == [fingerprint(_OLD)]
    require_keys(engine, [_NEW, _OLD])


def test_a_key_that_was_given_up_may_be_gone(engine: Engine) -> None:
    _use(engine)
    forget_key(engine, COMMAND_LINE, fingerprint(_OLD), reason="stolen")
    require_keys(engine, [_NEW])
    with pytest.raises(NotFoundError):
        forget_key(engine, COMMAND_LINE, "0" * 16, reason="stolen")


def test_a_key_whose_mail_is_older_than_a_year_may_be_gone(engine: Engine) -> None:
    _use(engine)
    with transaction(engine) as session:
        long_ago = now() - timedelta(days=400)
        session.execute(update(MailingRow).values(started_at=long_ago))
        session.execute(update(SigningKeyRow).values(first_seen_at=long_ago - timedelta(days=1)))
    require_keys(engine, [_NEW])


def test_a_former_key_may_go_when_the_new_one_signed_for_a_year(engine: Engine) -> None:
    _use(engine)
    require_keys(engine, [_NEW, _OLD])
    with transaction(engine) as session:
        for key, days in ((_OLD, 500), (_NEW, 400)):
            session.execute(
                update(SigningKeyRow)
                .where(SigningKeyRow.fingerprint == fingerprint(key))
                .values(first_seen_at=now() - timedelta(days=days))
            )
    require_keys(engine, [_NEW])
    with pytest.raises(SettingError):
        require_keys(engine, [_OLD])
