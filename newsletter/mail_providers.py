"""Well-known providers' domains of mail, and which of them a mistyped one was meant to be."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

#: Providers that have one domain: their name under another ending is theirs all the same.
_OF_ONE_DOMAIN = {
    name.partition(".")[0]: name
    for name in ("docomo.ne.jp", "ezweb.ne.jp", "gmail.com", "icloud.com")
}
#: Letters of a provider's name: shorter ones have too many neighbours.
_SHORTEST = 5


def meant_domain(domain: str) -> str:
    """Return the provider's domain that is one slip away from a domain; empty for none.

    A slip is a letter left out, put in, exchanged for another or for its neighbour; or another
    ending of a provider that has but one.
    """
    if domain in providers():
        return ""
    label = domain.partition(".")[0]
    if meant := _OF_ONE_DOMAIN.get(label):
        return meant
    sought = (name for name in providers() if len(name.partition(".")[0]) >= _SHORTEST)
    return next((name for name in sought if _is_one_slip(domain, name)), "")


def meant_address(address: str) -> str:
    """Return an address at the domain that was probably meant by its own; empty for none."""
    local, at, domain = address.rpartition("@")
    meant = meant_domain(domain)
    return f"{local}{at}{meant}" if meant else ""


@cache
def providers() -> tuple[str, ...]:
    """Return the domains of providers that are known, the most used first."""
    path = files("newsletter").joinpath("mail_providers.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def _is_one_slip(typed: str, name: str) -> bool:
    """Whether one slip leads from one of two words that differ to the other."""
    start = next(
        (at for at, pair in enumerate(zip(typed, name, strict=False)) if len(set(pair)) > 1),
        min(len(typed), len(name)),
    )
    one, other = typed[start:], name[start:]
    return (
        one[1:] == other
        or one == other[1:]
        or one[1:] == other[1:]
        or (one[:2] == other[:2][::-1] and one[2:] == other[2:])
    )
