"""The second factor: time-based codes (RFC 6238), and recovery codes for a lost telephone."""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp
from sqlalchemy import CursorResult, delete, insert, update
from sqlalchemy.orm import Session

from newsletter.accounts.sealing import Sealer
from newsletter.accounts.tokens import token_hash
from newsletter.database.tables import AccountRow, RecoveryCodeRow

_STEP_SECONDS = 30
#: Clocks may differ by one step either way.
_DRIFT = (0, -1, 1)
_RECOVERY_CODES = 10
#: Without letters and digits that are taken for one another.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> str:
    """Return a fresh secret in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, *, address: str, issuer: str) -> str:
    """Return the ``otpauth:`` URI that authenticators read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=issuer)


def matching_step(secret: str, code: str, moment: datetime) -> int | None:
    """Return the time step a code belongs to; None when it belongs to none near ``moment``."""
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
    """Take a code of the authenticator or a recovery code; each counts once."""
    if account.totp_secret is None:
        return False
    step = matching_step(sealer.open(account.totp_secret), code, moment)
    if step is None:
        return _use_recovery_code(session, account.id, code)
    moved = session.execute(
        update(AccountRow)
        .where(AccountRow.id == account.id, AccountRow.totp_step < step)
        .values(totp_step=step)
    )
    assert isinstance(moved, CursorResult)  # noqa: S101 - what an UPDATE answers
    return moved.rowcount == 1


def renew_recovery_codes(session: Session, account_id: int) -> list[str]:
    """Replace an account's recovery codes; they can be shown this once."""
    codes = ["-".join(_letters(5) for _ in range(2)) for _ in range(_RECOVERY_CODES)]
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
    assert isinstance(used, CursorResult)  # noqa: S101 - what a DELETE answers
    return used.rowcount == 1


def _hash(account_id: int, code: str) -> str:
    letters = "".join(filter(str.isalnum, code.casefold()))
    return token_hash(f"{account_id}:{letters}")


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
