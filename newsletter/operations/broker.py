"""The broker's health: whether Redis replies, the length of its queues, and its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from newsletter.errors import Place, UnavailableError
from newsletter.i18n.messages import msg

#: The names of the queues.
QUEUES = ("control", "urgent", "bulk", "lists")
#: Timeouts in seconds for one step, and for all of them, including the DNS query.
_TIMEOUT_SECONDS = 1.0
_WHOLE_SECONDS = 2.0
#: Seconds for which starting processes retry while Redis is away, as for the database.
_PATIENCE_SECONDS = 10.0
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerHealth:
    """The state of Redis.

    Attributes:
        problem: Why it did not reply; empty if it did.
        refuses: Whether it replied but rejected the user name or password.
        depths: The number of waiting tasks by queue.
        unacknowledged: Tasks that workers have taken and not finished.
        max_memory: In bytes; 0 for no limit.
        policy: The eviction policy when memory is full; empty if unknown.
    """

    problem: str = ""
    refuses: bool = False
    milliseconds: float = 0.0
    version: str = ""
    used_memory: int = 0
    max_memory: int = 0
    policy: str = ""
    depths: Mapping[str, int] = field(default_factory=dict)
    unacknowledged: int = 0

    @property
    def fullness(self) -> float:
        """Return the used share of the permitted memory, 0 to 1."""
        return self.used_memory / self.max_memory if self.max_memory else 0.0

    @property
    def carries_nothing(self) -> bool:
        """Whether no tasks can be sent, so that rounds and rate-limited relays stand still."""
        return bool(self.problem) or self.takes_nothing

    @property
    def takes_nothing(self) -> bool:
        """Whether it refuses writes, because its memory is full and it evicts nothing."""
        return self.policy == "noeviction" and self.fullness >= 1


def look_at_broker(redis_url: str) -> BrokerHealth:
    """Return the state of Redis; no reply within two seconds counts as a problem."""
    told: SimpleQueue[BrokerHealth] = SimpleQueue()
    # In a daemon thread, since a DNS query cannot be interrupted: it is abandoned at the timeout.
    Thread(target=lambda: told.put(_ask(redis_url)), daemon=True).start()
    try:
        return told.get(timeout=_WHOLE_SECONDS)
    except Empty:
        return BrokerHealth(problem=f"No complete answer within {_WHOLE_SECONDS:g} seconds")


def shown_url(redis_url: str) -> str:
    """Return the host part of a URL for display, without passwords in user info or query."""
    parts = urlsplit(redis_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def await_broker(redis_url: str, on_wait: Callable[[str, str], None]) -> None:
    """Wait some seconds until Redis replies.

    Args:
        redis_url: The URL of Redis.
        on_wait: Called with URL and reason, once, if Redis does not reply at first.

    Raises:
        UnavailableError: Redis does not reply, or rejects the connection.
    """
    where, deadline = shown_url(redis_url), time.monotonic() + _PATIENCE_SECONDS
    place, told = Place(source=msg("settings"), field="REDIS_URL"), False
    while (health := look_at_broker(redis_url)).problem:
        if health.refuses:
            raise UnavailableError(
                msg("Redis at {where} rejects the user name or password.", where=where),
                place=place,
                remedy=msg("Correct REDIS_URL."),
            )
        if time.monotonic() > deadline:
            raise UnavailableError(
                msg(
                    "Redis is not responding at {where} ({reason}).",
                    where=where,
                    reason=health.problem.rstrip("."),
                ),
                place=place,
                remedy=msg("Start it, or correct REDIS_URL."),
            )
        if not told:
            on_wait(where, health.problem.rstrip("."))
            told = True
        time.sleep(_PAUSE_SECONDS)


def _ask(redis_url: str) -> BrokerHealth:
    started = time.perf_counter()
    try:
        with Redis.from_url(
            redis_url,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        ) as client:
            client.ping()
            milliseconds = (time.perf_counter() - started) * 1000
            pipe = client.pipeline(transaction=False)
            for name in QUEUES:
                pipe.llen(name)
            pipe.hlen("unacked")
            pipe.info()
            *depths, unacknowledged, info = pipe.execute()
    except (RedisError, OSError) as error:
        return BrokerHealth(
            problem=str(error)[:200] or type(error).__name__,
            refuses=isinstance(error, AuthenticationError | NoPermissionError),
        )
    return _read(info, milliseconds, dict(zip(QUEUES, depths, strict=True)), unacknowledged)


def _read(
    info: Mapping[str, Any], milliseconds: float, depths: Mapping[str, int], unacknowledged: int
) -> BrokerHealth:
    return BrokerHealth(
        milliseconds=milliseconds,
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "")),
        depths=depths,
        unacknowledged=unacknowledged,
    )
