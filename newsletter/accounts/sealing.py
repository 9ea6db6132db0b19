"""Sealing: what the database must hold readable for us, but for nobody who copies it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from newsletter.errors import AccountError


class Sealer:
    """Encrypts with the first signing key, opens with any, and makes form tokens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        derived = [hmac.digest(key, b"newsletter-seal", "sha256") for key in keys]
        self._box = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
        self._form_key = hmac.digest(keys[0], b"newsletter-form", "sha256")

    def seal(self, secret: str) -> str:
        """Return ``secret`` encrypted and authenticated."""
        return self._box.encrypt(secret.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return what was sealed.

        Raises:
            AccountError: The key it was sealed with is no longer in SECRET_KEYS.
        """
        try:
            return self._box.decrypt(sealed.encode("utf-8", "surrogatepass")).decode()
        except (InvalidToken, ValueError):
            raise AccountError(
                "The second factor cannot be read with the present keys.",
                remedy="Put the former key back into SECRET_KEYS, or reset the account.",
            ) from None

    def form_token(self, holder: str) -> str:
        """Return the token that forms of ``holder`` (a cookie's value) must bring back."""
        return hmac.new(self._form_key, holder.encode(), hashlib.sha256).hexdigest()

    def form_token_matches(self, holder: str, token: str) -> bool:
        """Return whether a form was written for ``holder``."""
        return bool(holder) and hmac.compare_digest(
            self.form_token(holder).encode(), token.encode("utf-8", "surrogatepass")
        )
