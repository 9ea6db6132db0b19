"""Stand-ins for text that a compiler or an inliner of HTML would not keep as it is."""

from __future__ import annotations

import re
import secrets
from html import escape


class Marks:
    """Stand-ins of plain letters for what the compiler must not see; no text can imitate them."""

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(8)
        self._pattern = re.compile(f"q{self._nonce}x([0-9]+)x")
        self._kept: list[str] = []
        #: Style sheets that are to be inlined.
        self.inlined: set[str] = set()

    def keep(self, text: str) -> str:
        """Return the mark of a text that will stand in the HTML as it is."""
        self._kept.append(text)
        return f"q{self._nonce}x{len(self._kept) - 1}x"

    def hide(self, value: str, unsafe: re.Pattern[str]) -> str:
        """Return an attribute's value with marks for its unsafe letters, escaped."""
        return unsafe.sub(lambda match: self.keep(attribute_text(match[0])), value)

    def restore(self, html: str) -> str:
        """Put back what the marks stand for."""
        return self._pattern.sub(lambda match: self._kept[int(match[1])], html)


def attribute_text(text: str) -> str:
    """Return text for a quoted attribute, line ends as references: readers of HTML change them."""
    escaped = escape(text, quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")
