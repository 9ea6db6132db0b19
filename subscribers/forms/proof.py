"""What a form brings back that shows it was filled in by a browser, at a person's pace.

Neither is needed: a form without them, as one without scripts or on another site, has the stricter
limits. Both are signed and kept nowhere; what is used up is told by the tallies.
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
#: Rounds of one try, and between which tries the solution lies: about 300 tries of 1.5 ms by one
#: core of a desktop, a second or two by a telephone; making one takes the server one try.
_ITERATIONS, _FEWEST, _MOST = 5_000, 200, 400
#: Seconds within which a challenge must come back.
_HOLDS = 3_600
_LONGEST = 4_000

#: Seconds that nobody fills in a form by hand in, and after which a page was copied or forgotten.
SOONEST, _LATEST = 2, 86_400


class FormAge(StrEnum):
    """How long ago a form was shown."""

    USUAL = "usual"
    TOO_YOUNG = "too_young"
    TOO_OLD = "too_old"
    #: It carries no time of ours, as forms on other sites do not.
    UNKNOWN = "unknown"


class ProofOfWork:
    """Makes challenges (ALTCHA, version 2), and reads what solves them.

    Args:
        keys: The first signs, all verify.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def challenge(self, newsletter_id: int) -> dict[str, Any]:
        """Return a new challenge as the solver reads it, for requests to join one newsletter."""
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
        """Return the name of the challenge that a text solves; empty for none of ours.

        Whoever acts on it counts the name: each challenge is good for one request.
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
    """Return the signed time that a form carries."""
    return signer.sign(Purpose.FORM, newsletter_id, int(time.time()))


def age_of_form(signer: TokenSigner, newsletter_id: int, stamp: str) -> FormAge:
    """Return how long ago a form was shown, by the time that it carries."""
    try:
        numbers = signer.read(Purpose.FORM, stamp)
    except TokenError:
        return FormAge.UNKNOWN
    if len(numbers) != 2 or numbers[0] != newsletter_id:  # noqa: PLR2004 - as they are signed
        return FormAge.UNKNOWN
    seconds = time.time() - numbers[1]
    if seconds < SOONEST:
        return FormAge.TOO_YOUNG
    return FormAge.TOO_OLD if seconds > _LATEST else FormAge.USUAL
