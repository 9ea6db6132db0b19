"""Signs that a form was filled in by a person: a proof of work and the time of its display.

Neither is required. A form without them, such as one without scripts or on another site, has
stricter limits. Both are signed and not stored; the tallies record which were used.
"""

from __future__ import annotations

import binascii
import hashlib
import secrets
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from altcha import Payload, create_challenge, verify_solution

from newsletter.errors import TokenError
from newsletter.tokens import Purpose, TokenSigner

_ALGORITHM = "PBKDF2/SHA-256"
#: Iterations of one attempt, and the range of attempts that includes the solution: about 300
#: attempts of 1.5 ms on one core of a desktop, a second or two on a telephone. The server needs one
#: attempt to create a challenge.
_ITERATIONS, _FEWEST, _MOST = 5_000, 200, 400
#: Seconds for which a challenge is valid.
_HOLDS = 3_600
_LONGEST = 4_000

#: Seconds: nobody fills in a form faster, and after the second number the page was copied or left
#: open.
SOONEST, _LATEST = 2, 86_400


class FormAge(StrEnum):
    """The classes of time since a form was shown."""

    USUAL = "usual"
    TOO_YOUNG = "too_young"
    TOO_OLD = "too_old"
    #: It has no signed time, like forms on other sites.
    UNKNOWN = "unknown"


class ProofOfWork:
    """Creates challenges (ALTCHA, version 2) and verifies solutions.

    Args:
        keys: The keys; the first one signs, all of them verify.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def challenge(self, newsletter_id: int) -> dict[str, Any]:
        """Return a new challenge as JSON for the solver, for requests to join one newsletter."""
        challenge = create_challenge(
            _ALGORITHM,
            _ITERATIONS,
            counter=_FEWEST + secrets.randbelow(_MOST - _FEWEST),
            expires_at=int(time.time()) + _HOLDS,
            data={"newsletter": newsletter_id},
            hmac_secret=self._keys[0],
            hmac_key_secret=_key_of_solutions(self._keys[0]),
        )
        return dict(challenge.to_dict())

    def solved(self, newsletter_id: int, text: str) -> str:
        """Return the id of the challenge that a text solves; empty if the text is no solution.

        Callers must record the id, since each challenge is valid for one request.
        """
        if not text or len(text) > _LONGEST:
            return ""
        try:
            payload = Payload.from_base64(text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            return ""
        parameters = payload.challenge.parameters
        if not parameters.key_signature or parameters.data != {"newsletter": newsletter_id}:
            return ""
        return str(parameters.nonce) if any(_holds(payload, key) for key in self._keys) else ""


def _holds(payload: Payload, key: bytes) -> bool:
    try:
        verified = verify_solution(payload, key, hmac_key_secret=_key_of_solutions(key))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return False
    return bool(verified.verified)


def _key_of_solutions(key: bytes) -> bytes:
    return hashlib.sha256(b"solution\0" + key).digest()


def stamp_form(signer: TokenSigner, newsletter_id: int) -> str:
    """Return the current time, signed, for a form."""
    return signer.sign(Purpose.FORM, newsletter_id, int(time.time()))


def age_of_form(signer: TokenSigner, newsletter_id: int, stamp: str) -> FormAge:
    """Return the class of the time since a form was shown."""
    try:
        numbers = signer.read(Purpose.FORM, stamp)
    except TokenError:
        return FormAge.UNKNOWN
    if len(numbers) != 2 or numbers[0] != newsletter_id:  # noqa: PLR2004 - newsletter and time
        return FormAge.UNKNOWN
    seconds = time.time() - numbers[1]
    if seconds < SOONEST:
        return FormAge.TOO_YOUNG
    return FormAge.TOO_OLD if seconds > _LATEST else FormAge.USUAL
