"""The second factor: time-based codes (RFC 6238), and recovery codes."""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp
from sqlalchemy import CursorResult, delete, insert, update
from sqlalchemy.orm import Session

from newsletter.accounts.audit import Actor, record_event
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.sealing import Sealed, Sealer
from newsletter.accounts.sessions import end_all_sessions
from newsletter.database.tables import AccountRow, RecoveryCodeRow
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg
from newsletter.tokens import token_hash

_STEP_SECONDS = 30
#: Accepted time steps relative to the present one, since clocks may differ.
_DRIFT = (0, -1, 1)
_RECOVERY_CODES = 10
#: A recovery code has three groups of five letters. Its plain hash is stored: with two groups, a
#: code could be found from a copy of the database within hours, with three in thousands of years.
_GROUPS, _GROUP = 3, 5
#: Without letters and digits that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Return a random secret in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, *, address: str, issuer: str) -> str:
    """Return the ``otpauth:`` URI for the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=issuer)


def matching_step(secret: str, code: str, moment: datetime) -> int | None:
    """Return the time step of a code; None if it is not valid near ``moment``."""
    digits = "".join(code.split())
    totp = pyotp.TOTP(secret)
    present = int(moment.timestamp()) // _STEP_SECONDS
    for drift in _DRIFT:
        step = present + drift
        if secrets.compare_digest(totp.generate_otp(step).encode(), digits.encode()):
            return step
    return None


def use_code(
    session: Session, sealer: Sealer, account: AccountRow, code: str, moment: datetime
) -> bool:
    """Accept a code of the authenticator, or a recovery code, once; return whether it is valid.

    The secret is encrypted again with the present key, so that earlier keys can be removed. Without
    the key of its encryption, recovery codes still work.

    Raises:
        AccountError: The secret cannot be decrypted with the present keys.
    """
    if account.totp_secret is None:
        return False
    if _use_recovery_code(session, account.id, code):
        return True
    secret = sealer.open(account.totp_secret, Sealed.SECOND_FACTOR)
    step = matching_step(secret, code, moment)
    if step is None:
        return False
    moved = session.execute(
        update(AccountRow)
        .where(AccountRow.id == account.id, AccountRow.totp_step < step)
        .values(totp_step=step, totp_secret=sealer.seal(secret, Sealed.SECOND_FACTOR))
    )
    assert isinstance(moved, CursorResult)  # noqa: S101 - the result of an UPDATE
    return moved.rowcount == 1


def enrol(
    session: Session,
    actor: Actor,
    account_id: int,
    *,
    sealed: str,
    step: int,
    besides: int | None = None,
) -> list[str]:
    """Add a second factor, and end all sessions except ``besides``; return the recovery codes.

    Args:
        session: The database session, in a transaction.
        actor: The owner, who has entered the password again.
        account_id: The account.
        sealed: The encrypted secret.
        step: The time step of the code by which the authenticator was verified.
        besides: The session that continues.

    Raises:
        ConflictError: The account has a second factor already.
    """
    taken = session.scalar(
        update(AccountRow)
        .where(AccountRow.id == account_id, AccountRow.totp_secret.is_(None))
        .values(totp_secret=sealed, totp_step=step)
        .returning(AccountRow.id)
    )
    if taken is None:
        raise ConflictError(msg("There is a second factor already."))
    codes = _new_codes(session, account_id)
    end_all_sessions(session, account_id, besides=besides)
    record_event(session, actor, Action.ACCOUNT_SECOND_FACTOR_ON, object=f"account {account_id}")
    return codes


def has_second_factor(session: Session, account_id: int) -> bool:
    """Return whether an account has a second factor."""
    return session.get_one(AccountRow, account_id).totp_secret is not None


def drop(session: Session, actor: Actor, account_id: int, *, besides: int | None = None) -> None:
    """Remove one's own second factor, and end all sessions except ``besides``.

    The caller has asked for the password again.
    """
    forget_second_factor(session, session.get_one(AccountRow, account_id))
    end_all_sessions(session, account_id, besides=besides)
    record_event(session, actor, Action.ACCOUNT_SECOND_FACTOR_OFF, object=f"account {account_id}")


def forget_second_factor(session: Session, account: AccountRow) -> None:
    """Delete an account's secret and recovery codes."""
    account.totp_secret, account.totp_step = None, 0
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == account.id))
    session.flush()


def renew_recovery_codes(session: Session, actor: Actor, account_id: int) -> list[str]:
    """Replace an account's recovery codes; return the new ones, which are not stored in clear."""
    # Otherwise the codes of two concurrent calls would all be valid.
    session.get_one(AccountRow, account_id, with_for_update=True)
    codes = _new_codes(session, account_id)
    record_event(session, actor, Action.ACCOUNT_RECOVERY_CODES, object=f"account {account_id}")
    return codes


def _new_codes(session: Session, account_id: int) -> list[str]:
    codes = ["-".join(_letters(_GROUP) for _ in range(_GROUPS)) for _ in range(_RECOVERY_CODES)]
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.account_id == account_id))
    session.execute(
        insert(RecoveryCodeRow),
        [{"account_id": account_id, "code_hash": _hash(account_id, code)} for code in codes],
    )
    return codes


def _use_recovery_code(session: Session, account_id: int, code: str) -> bool:
    used = session.execute(
        delete(RecoveryCodeRow).where(
            RecoveryCodeRow.account_id == account_id,
            RecoveryCodeRow.code_hash == _hash(account_id, code),
        )
    )
    assert isinstance(used, CursorResult)  # noqa: S101 - the result of a DELETE
    return used.rowcount == 1


def _hash(account_id: int, code: str) -> str:
    letters = "".join(filter(str.isalnum, code.casefold()))
    return token_hash(f"{account_id}:{letters}")


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
