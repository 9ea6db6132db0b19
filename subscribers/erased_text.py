"""Where an address hides in text: written otherwise, in a return path, in base64."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

ERASED = "[erased]"
#: Lines of base64 as MIME has them (RFC 2045, 6.8), or one long word.
_ENCODED = re.compile(r"(?:[A-Za-z0-9+/]{60,}[ \t]*\r?\n)*[A-Za-z0-9+/]{12,}={0,2}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Traces:
    """The forms in which one person's addresses can stand in others' texts.

    Attributes:
        plain: In lower case: as it is, in a URL, and in a return path (VERP), ``name=domain``.
    """

    plain: tuple[str, ...]
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, addresses: Iterable[str]) -> Traces:
        """Return the forms of addresses."""
        forms: dict[str, None] = {}
        for address in addresses:
            lower = address.lower()
            local, _, domain = lower.rpartition("@")
            forms |= dict.fromkeys(
                (lower, f"{local}={domain}", quote(lower, safe=""), quote(lower, safe="@"))
            )
        pattern = re.compile("|".join(map(re.escape, forms)), re.IGNORECASE)
        return cls(plain=tuple(forms), pattern=pattern)

    def erase_from(self, text: str) -> str:
        """Return a text without the addresses, in whatever case."""
        return self.pattern.sub(ERASED, text)

    def erase_encoded(self, text: str) -> str:
        """Return a text without the blocks of base64 that hold one of the addresses."""
        return _ENCODED.sub(self._cleared, text)

    def _cleared(self, match: re.Match[str]) -> str:
        octets = "".join(match[0].split())
        try:
            # A word that is no whole number of fours was cut by the bound of what is kept.
            decoded = base64.b64decode(octets[: len(octets) // 4 * 4])
        except (ValueError, binascii.Error):
            return match[0]
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            if self.pattern.search(decoded.decode(encoding, errors="ignore")):
                return ERASED
        return match[0]
