"""Enhanced status codes (RFC 3463, 5248, 7372, 7505 and the IANA registry) as reasons."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from newsletter.bounces.model import Reason

#: Details of three digits are a provider's own (Exchange Online 5.4.300, 5.7.509 …), by subject.
_PROVIDER_DETAIL = 100


@cache
def _table(name: str) -> dict[str, Reason]:
    read = tomllib.loads(files(__package__).joinpath("statuses.toml").read_text("utf-8"))
    return {code: Reason(reason) for code, reason in read[name].items()}


def reason_of_status(status: str) -> Reason:
    """Return what an enhanced status code says; ``UNKNOWN`` when it says nothing."""
    _, _, code = status.partition(".")
    subject, _, detail = code.partition(".")
    found = _table("detail").get(code)
    if found is not None:
        return found
    if subject == "7" and detail.isdigit() and int(detail) >= _PROVIDER_DETAIL:
        return Reason.POLICY
    return _table("subject").get(subject, Reason.UNKNOWN)


def reason_of_reply(reply: str) -> Reason:
    """Return what the few SMTP reply codes say that mean one thing only."""
    return _table("reply").get(reply, Reason.UNKNOWN)


def is_for_now(status: str, reply: str) -> bool:
    """Tell whether the codes speak of a passing condition; the status goes first."""
    return (status or reply).startswith("4")
