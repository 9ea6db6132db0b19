"""Carriers whose "unknown user" hides a filter: private habits, as data with their source."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Carrier(BaseModel):
    """One carrier's habit; the fields are explained in ``carriers.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    names_the_unknown: bool = False
    source: str


def carrier_of(domain: str) -> Carrier | None:
    """Return the carrier that a domain in lower case belongs to, if it is one of these."""
    belongs = (one for one in _carriers() if f".{domain}".endswith(f".{one.domain}"))
    return next(belongs, None)


@cache
def _carriers() -> tuple[Carrier, ...]:
    read = tomllib.loads(files(__package__).joinpath("carriers.toml").read_text("utf-8"))
    return tuple(map(Carrier.model_validate, read["carrier"]))
