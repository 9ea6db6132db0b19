"""The protocol of a provider's call, and the row of the log expected for an event."""

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
    """One event and its expected row; ``kind`` is None if no row is expected."""

    name: str
    event: Any
    kind: BounceKind | None
    reason: Reason = Reason.UNKNOWN
    address: str = READER
    status: str = ""
    message_id: str = ""
    path: str = ""


def about(message_id: str, path: str, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Return cases of a provider whose events all name our message."""
    return tuple(replace(case, message_id=message_id, path=path) for case in cases)


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The protocol of a provider's calls.

    Attributes:
        pack: Makes a body of events.
        sign: Returns body and headers, signed this long ago.
        tolerance: Maximum age of a call; None if the call has no time.
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
