"""Addresses typed as they are: where in running text one begins, and where it ends.

Japanese writes no space behind an address, so it ends before the first character that no URL has:
``https://example.jp/musi（無料）`` ends before the bracket. Signs that end a sentence, and a
bracket that the address does not open, are not part of it, as in GFM's extended autolinks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.common.utils import unescapeAll

from newsletter.issues.model import Anchor, Inline, Text

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
#: A host in ASCII, or one that begins with other letters and ends in a domain of ASCII.
_HOST = rf"(?:(?:{_LABEL}\.)+{_LABEL}|(?=[^\x00-\x7f])(?:[\w-]+\.)+[A-Za-z][A-Za-z0-9-]+)"
_REST = r"(?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=%]|\\[_*~&])*"
#: What makes one in the middle of a word no address.
_BEFORE = r"(?<![A-Za-z0-9])"
_URL = re.compile(rf"https?://{_HOST}(?::[0-9]+)?(?:[/?#]{_REST})?", re.IGNORECASE)
_SCHEME = re.compile(rf"{_BEFORE}https?$", re.IGNORECASE)
_MAILBOX = r"[A-Za-z0-9][A-Za-z0-9._%+-]*"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+[A-Za-z][A-Za-z0-9-]*[A-Za-z0-9]")
_MAILBOX_END = re.compile(rf"(?<![A-Za-z0-9._%+-]){_MAILBOX}$")
_EITHER = re.compile(
    rf"(?P<url>{_BEFORE}{_URL.pattern})|(?<![A-Za-z0-9._%+-]){_MAILBOX}@{_DOMAIN.pattern}",
    re.IGNORECASE,
)
#: Characters of a local part, by RFC 5321.
_LONGEST_MAILBOX = 64
_TRAILING = "?!.,:;*_~'"
#: Where in plain text a backslash keeps an address from being one.
GUARDED = re.compile(r"(?<=http)(?=://)|(?<=https)(?=://)|(?<=[A-Za-z0-9._%+-])(?=@[A-Za-z0-9])")


def scheme_before(text: str, position: int) -> str:
    """Return the ``http`` or ``https`` that ends at a position; empty where none does."""
    found = _SCHEME.search(text[max(0, position - 6) : position])
    return found[0] if found else ""


def mailbox_before(text: str) -> str:
    """Return the local part of a mail address that a text ends in."""
    found = _MAILBOX_END.search(text[-_LONGEST_MAILBOX - 2 :])
    return found[0] if found and len(found[0]) <= _LONGEST_MAILBOX else ""


def url_at(text: str, position: int) -> str:
    """Return the URL that begins at a position, as typed; empty where none does."""
    found = _URL.match(text, position)
    return _trimmed(found[0]) if found else ""


def domain_at(text: str, position: int) -> str:
    """Return the domain that begins at a position; empty where none does."""
    found = _DOMAIN.match(text, position)
    return found[0] if found else ""


def _trimmed(url: str) -> str:
    while True:
        shorter = url.rstrip(_TRAILING)
        if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
            shorter = shorter[:-1]
        if shorter == url:
            return url
        url = shorter


def target_of(typed: str) -> str:
    """Return the address that a typed one leads to: escapes and references resolved, encoded."""
    return normalizeLink(unescapeAll(typed))


def link_bare_addresses(text: str) -> tuple[Inline, ...]:
    """Return plain text with each address in it as a link."""
    return tuple(_linked(text))


def _linked(text: str) -> Iterator[Inline]:
    done = 0
    for found in _EITHER.finditer(text):
        typed = _trimmed(found[0]) if found["url"] else found[0]
        if found.start() > done:
            yield Text(text=text[done : found.start()])
        url = normalizeLink(typed) if found["url"] else f"mailto:{typed}"
        yield Anchor(url=url, content=(Text(text=typed),))
        done = found.start() + len(typed)
    if done < len(text):
        yield Text(text=text[done:])
