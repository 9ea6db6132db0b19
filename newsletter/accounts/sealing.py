"""Encryption of secrets in the database, so that a copy of the database does not reveal them."""

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
    """The purpose of an encrypted value; the value is the label from which its key is derived."""

    SECOND_FACTOR = "newsletter-seal"
    #: A second factor that a page offers for enrolment. Stored secrets have another purpose:
    #: otherwise a value copied from the database could be submitted to the page, which would show
    #: the secret.
    OFFERED_FACTOR = "newsletter-offer"
    BROWSER = "newsletter-browser"


class Sealer:
    """Encrypts with the first signing key, decrypts with any, and makes form tokens.

    A value can be decrypted only for the purpose for which it was encrypted: pages send encrypted
    values to browsers, which may return any of them.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._boxes = {purpose: _box(keys, purpose) for purpose in Sealed}
        self._form_keys = [hmac.digest(key, b"newsletter-form", "sha256") for key in keys]

    def seal(self, secret: str, purpose: Sealed) -> str:
        """Return ``secret`` encrypted and authenticated."""
        return self._boxes[purpose].encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str, purpose: Sealed) -> str:
        """Return the decrypted value.

        Raises:
            AccountError: The key of its encryption is no longer in SECRET_KEYS.
        """
        try:
            return self._boxes[purpose].decrypt(sealed.encode("utf-8", "surrogatepass")).decode()
        except (InvalidToken, ValueError):
            raise AccountError(
                msg("The second factor cannot be read with the present keys."),
                remedy=msg("Put the former key back into SECRET_KEYS, or reset the account."),
            ) from None

    def form_token(self, holder: str) -> str:
        """Return the CSRF token for forms of ``holder`` (a cookie's value)."""
        return _form_token(self._form_keys[0], holder)

    def form_token_matches(self, holder: str, token: str) -> bool:
        """Return whether a CSRF token belongs to ``holder``, also with an earlier signing key."""
        given = token.encode("utf-8", "surrogatepass")
        return bool(holder) and any(
            hmac.compare_digest(_form_token(key, holder).encode(), given) for key in self._form_keys
        )


def _form_token(key: bytes, holder: str) -> str:
    return hmac.new(key, holder.encode(), hashlib.sha256).hexdigest()


def _box(keys: Sequence[bytes], purpose: Sealed) -> MultiFernet:
    derived = [hmac.digest(key, purpose.encode(), "sha256") for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
