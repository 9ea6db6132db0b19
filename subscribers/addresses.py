"""Addresses: what may be mailed, and when two spellings are one address."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from newsletter.errors import ListError

#: Domains of Japanese carriers that once gave out local parts with dots in odd places.
_CARRIERS = frozenset(
    {"docomo.ne.jp", "ezweb.ne.jp", "au.com", "softbank.ne.jp", "i.softbank.jp", "vodafone.ne.jp"}
)
_ODD_LOCAL = re.compile(r"[A-Za-z0-9._+/?-]{1,64}\Z")

#: ASCII as Japanese keyboards write it, and how far from itself it lies (Unicode, block FF00).
_FULL_WIDTH = re.compile(r"[\uff01-\uff5e]")
_FULL_WIDTH_OFFSET = 0xFEE0

#: What RFC 5321 takes without a second look: most addresses, whose domains repeat.
_PLAIN_LOCAL = re.compile(r"(?=.{1,64}\Z)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*\Z")
_PLAIN_LENGTH = 200


class Address(NamedTuple):
    """An address as it was given and as it is compared.

    Attributes:
        key: Lower case with an ASCII domain; two addresses with one key are one person's.
        warning: What is unusual about it, or empty.
    """

    address: str
    key: str
    domain: str
    warning: str = ""


def parse_address(text: str) -> Address:
    """Read an address; the domain is not asked for.

    Raises:
        ListError: It is none.
    """
    stripped = text.strip()
    if not stripped:
        raise ListError("There is no address.")
    if not stripped.isascii() and _FULL_WIDTH.search(stripped):
        usual = parse_address(_FULL_WIDTH.sub(_as_usual, stripped))
        return usual._replace(warning="full-width characters, read as usual ones")
    local, _, domain = stripped.rpartition("@")
    if domain.lower() in _CARRIERS and (".." in local or local.endswith(".")):
        if not _ODD_LOCAL.match(local):
            raise ListError(f"{stripped[:80]!r} is no mail address.")
        domain = domain.lower()
        return Address(
            address=f"{local}@{domain}",
            key=f"{local.lower()}@{domain}",
            domain=domain,
            warning="dots in a place that only an old carrier address has them",
        )
    if _PLAIN_LOCAL.match(local) and len(stripped) <= _PLAIN_LENGTH:
        plain = _plain_domain(domain)
        if plain is not None:
            return Address(address=f"{local}@{plain}", key=f"{local.lower()}@{plain}", domain=plain)
    try:
        found = validate_email(stripped, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ListError(
            f"{stripped[:80]!r} is no mail address: {str(error).rstrip('.')}."
        ) from None
    domain = found.ascii_domain.lower()
    address = found.ascii_email or f"{found.local_part}@{domain}"
    return Address(address=address, key=f"{found.local_part.lower()}@{domain}", domain=domain)


def _as_usual(match: re.Match[str]) -> str:
    return chr(ord(match[0]) - _FULL_WIDTH_OFFSET)


@lru_cache(maxsize=8192)
def _plain_domain(domain: str) -> str | None:
    """Return an ASCII domain that is in order, judged once; None when the whole must be looked at.

    Lists of a million have some thousand domains, and judging one costs 40 microseconds.
    """
    if not domain.isascii():
        return None
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return found.ascii_domain.lower()
