"""Status codes, carriers and layouts of bounces by mail system: tables read from TOML files."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from newsletter.bounces.addresses import LOCAL
from newsletter.bounces.model import Reason

#: Details of three digits are assigned by providers, by subject (Exchange Online 5.4.300, 5.7.509).
_PROVIDER_DETAIL = 100
_ADDRESS = rf"[<\"']?({LOCAL}@[\w.-]{{1,200}}\w)"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Carrier(_Table):
    """The behaviour of one carrier; the fields are explained in ``carriers.toml``."""

    domain: str
    names_the_unknown: bool = False
    source: str


class _Carriers(_Table):
    carrier: tuple[Carrier, ...]


class _Statuses(_Table):
    """Reasons by code; the tables are explained in ``statuses.toml``."""

    detail: dict[str, Reason]
    subject: dict[str, Reason]
    reply: dict[str, Reason]
    exit: dict[str, Reason]
    powermta: dict[str, Reason]


_Words = TypeVar("_Words", tuple[str, ...], Mapping[str, Reason])


class Layout(_Table):
    """The peculiarities of one mail system's bounces; ``layouts.toml`` explains the fields."""

    name: str
    signs: tuple[str, ...] = Field(min_length=1)
    recipient: str = ""
    lead_first: bool = False
    own_directory: bool = False
    meanings: Mapping[str, Reason] = Field(default_factory=dict)
    verdict: Reason | None = None

    @field_validator("signs", "meanings")
    @classmethod
    def _in_lower_case(cls, words: _Words) -> _Words:
        wrong = [one for one in words if not one.strip() or one != one.lower()]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not in lower case, and would never be found")
        return words

    @field_validator("recipient")
    @classmethod
    def _names_an_address(cls, pattern: str) -> str:
        if pattern and re.compile(pattern.replace("{address}", _ADDRESS)).groups != 1:
            raise ValueError("the pattern has not the address as its only group")
        return pattern

    @cached_property
    def recipient_pattern(self) -> re.Pattern[str] | None:
        """The pattern of the recipient, as group 1; None if it stands at the head of a line."""
        if not self.recipient:
            return None
        pattern = self.recipient.replace("{address}", _ADDRESS)
        return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


class _Layouts(_Table):
    layout: tuple[Layout, ...]


_Read = TypeVar("_Read", bound=_Table)


def _read(schema: type[_Read], file: str) -> _Read:
    text = files(__package__).joinpath(file).read_text("utf-8")
    return schema.model_validate(tomllib.loads(text))


@cache
def _statuses() -> _Statuses:
    return _read(_Statuses, "statuses.toml")


@cache
def _carriers() -> tuple[Carrier, ...]:
    return _read(_Carriers, "carriers.toml").carrier


@cache
def layouts() -> tuple[Layout, ...]:
    """Return the layouts in the order in which they are tried."""
    return _read(_Layouts, "layouts.toml").layout


def find_layout(heading: str, text: str) -> Layout | None:
    """Return the layout whose signs occur in a bounce; both texts are in lower case."""
    whole = f"{heading}\n{text}"
    return next((one for one in layouts() if any(sign in whole for sign in one.signs)), None)


def carrier_of(domain: str) -> Carrier | None:
    """Return the carrier of a domain in lower case, if the table holds it."""
    belongs = (one for one in _carriers() if f".{domain}".endswith(f".{one.domain}"))
    return next(belongs, None)


def reason_of_status(status: str) -> Reason:
    """Return the reason of an enhanced status code; ``UNKNOWN`` if the code alone has none.

    RFC 3463, 5248, 7372, 7505 and the IANA registry.
    """
    _, _, code = status.partition(".")
    subject, _, detail = code.partition(".")
    registered = _statuses().detail.get(code)
    if registered is not None:
        return registered
    if subject == "7" and detail.isdigit() and int(detail) >= _PROVIDER_DETAIL:
        return Reason.POLICY
    return _statuses().subject.get(subject, Reason.UNKNOWN)


def reason_of_reply(reply: str) -> Reason:
    """Return the reason of an SMTP reply code; only a few codes have exactly one."""
    return _statuses().reply.get(reply, Reason.UNKNOWN)


def reason_of_exit(code: str) -> Reason | None:
    """Return the reason of a local program's exit code (sysexits.h); None for most codes."""
    return _statuses().exit.get(code)


def reason_of_powermta(category: str) -> Reason | None:
    """Return the reason of a PowerMTA category; None if the category has none."""
    return _statuses().powermta.get(category)


def is_for_now(status: str, reply: str) -> bool:
    """Return whether the codes mean a temporary condition; the status has precedence."""
    return (status or reply).startswith("4")
