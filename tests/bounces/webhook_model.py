"""How a provider calls, and what an event of it must become in the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from newsletter.bounces.model import Reason
from newsletter.database.vocabulary import BounceKind

READER = "reader@example.jp"
PATH = "bounces@example.jp"
MESSAGE_ID = "<12.abcdefghijklmnopqrstuvwx@example.jp>"
PASSWORD = "p" * 32
NOW = timedelta()

Signed = tuple[bytes, dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One event and the row it must give; ``kind`` None stands for no row."""

    name: str
    event: Any
    kind: BounceKind | None
    reason: Reason = Reason.UNKNOWN
    address: str = READER
    status: str = ""
    message_id: str = ""
    path: str = ""


def about(message_id: str, path: str, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Return cases of a provider that names our message in all of them."""
    return tuple(replace(case, message_id=message_id, path=path) for case in cases)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """How a provider calls.

    Attributes:
        pack: Makes a body of events.
        sign: Returns what is sent: body and headers, signed so long ago.
        tolerance: How old a call may be; None where nothing tells its age.
    """

    name: str
    secret: str
    pack: Callable[[Sequence[Any]], bytes]
    sign: Callable[[bytes, timedelta], Signed]
    cases: tuple[Case, ...]
    batches: bool = False
    tolerance: timedelta | None = None
    forged: Callable[[Signed], Signed] = field(default=lambda signed: (signed[0], {}))

    def call(self, *events: Any, age: timedelta = NOW) -> Signed:
        return self.sign(self.pack(events), age)


def alone(events: Sequence[Any]) -> bytes:
    return json.dumps(events[0]).encode()


def array(events: Sequence[Any]) -> bytes:
    return json.dumps(list(events)).encode()


def by_password(body: bytes, _age: timedelta) -> Signed:
    credentials = base64.b64encode(f"newsletter:{PASSWORD}".encode()).decode()
    return body, {"Authorization": f"Basic {credentials}"}


def other_body(signed: Signed) -> Signed:
    body, headers = signed
    return body.replace(READER.encode(), b"victim@example.jp"), headers
