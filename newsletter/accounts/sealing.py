"""Sealing: what the database must hold readable for us, but for nobody who copies it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from newsletter.errors import AccountError
from newsletter.i18n.messages import msg


class Sealed(StrEnum):
    """What is sealed, and by which label its key is derived."""

    SECOND_FACTOR = "newsletter-seal"
    #: A second factor that a page offers. What is kept opens no page: whoever copied the database
    #: would only have to hand it in to be shown what it holds.
    OFFERED_FACTOR = "newsletter-offer"
    BROWSER = "newsletter-browser"


class Sealer:
    """Encrypts with the first signing key, opens with any, and makes form tokens.

    What was sealed for one purpose opens for no other: pages hand sealed values to browsers, which
    may send back whichever they have.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._boxes = {purpose: _box(keys, purpose) for purpose in Sealed}
        self._form_keys = [hmac.digest(key, b"newsletter-form", "sha256") for key in keys]

    def seal(self, secret: str, purpose: Sealed) -> str:
        """Return ``secret`` encrypted and authenticated."""
        return self._boxes[purpose].encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str, purpose: Sealed) -> str:
        """Return what was sealed.

        Raises:
            AccountError: The key it was sealed with is no longer in SECRET_KEYS.
        """
        try:
            return self._boxes[purpose].decrypt(sealed.encode("utf-8", "surrogatepass")).decode()
        except (InvalidToken, ValueError):
            raise AccountError(
                msg("The second factor cannot be read with the present keys."),
                remedy=msg("Put the former key back into SECRET_KEYS, or reset the account."),
            ) from None

    def form_token(self, holder: str) -> str:
        """Return the token that forms of ``holder`` (a cookie's value) must bring back."""
        return _form_token(self._form_keys[0], holder)

    def form_token_matches(self, holder: str, token: str) -> bool:
        """Return whether a form was written for ``holder``, perhaps before the keys changed."""
        given = token.encode("utf-8", "surrogatepass")
        return bool(holder) and any(
            hmac.compare_digest(_form_token(key, holder).encode(), given) for key in self._form_keys
        )


def _form_token(key: bytes, holder: str) -> str:
    return hmac.new(key, holder.encode(), hashlib.sha256).hexdigest()


def _box(keys: Sequence[bytes], purpose: Sealed) -> MultiFernet:
    derived = [hmac.digest(key, purpose.encode(), "sha256") for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
