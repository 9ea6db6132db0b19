"""Rates: token buckets in Redis that all workers share, so that together they keep to one limit.

A bucket that Redis does not know begins empty: after Redis forgot everything, nothing leaves faster
than before. Tokens come in small lots, so that a busy worker asks a few times a second, not for
every message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

#: KEYS[1] the bucket; ARGV: tokens a second, most that may be saved up, how many are wanted.
#: Returns how many were granted and, when none were, milliseconds until one is there. The server's
#: clock counts, since the workers' may differ.
_TAKE = """
local rate, most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or 0, tonumber(bucket[2]) or now
tokens = math.min(most, tokens + math.max(0, now - at) * rate)
local granted = math.min(wanted, math.floor(tokens))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - granted), 'at', tostring(now))
redis.call('EXPIRE', KEYS[1], math.ceil(most / rate) + 60)
local wait = 0
if granted == 0 then wait = math.ceil((1 - tokens) / rate * 1000) end
return {granted, wait}
"""
#: Seconds' worth of tokens that a lot holds, and that a bucket saves up at most.
_LOT_SECONDS = 0.25
_SAVED_SECONDS = 0.5
#: Asking for every single token would cost more than it is worth.
_SHORTEST_WAIT = 0.05
#: A lot that was not used within this time lapses: it would allow a burst.
_LAPSE_SECONDS = 1.0
_REDIS_PAUSE = 1.0


class Bucket:
    """One limit, as one worker process draws on it."""

    def __init__(self, redis_url: str, name: str, rate: float) -> None:
        self._redis_url = redis_url
        self._name = f"newsletter:rate:{name}"
        self._rate = rate
        self._tokens = 0
        self._lapses_at = 0.0
        #: When it is worth asking again, on the monotonic clock.
        self.ready_at = 0.0

    def spend(self) -> bool:
        """Use up one token if there is one in hand."""
        if self._tokens <= 0 or time.monotonic() > self._lapses_at:
            self._tokens = 0
            return False
        self._tokens -= 1
        return True

    @property
    def is_empty(self) -> bool:
        """Whether there is no token in hand."""
        return self._tokens <= 0 or time.monotonic() > self._lapses_at

    async def refill(self) -> None:
        """Fetch a lot; without one, or without Redis, ``ready_at`` says when to ask again."""
        lot = max(1, int(self._rate * _LOT_SECONDS))
        most = max(1.0, self._rate * _SAVED_SECONDS)
        try:
            # A client a lot: it belongs to the loop that runs now, and lots are few.
            async with Redis.from_url(self._redis_url, socket_timeout=2) as client:
                granted, wait = await client.eval(_TAKE, 1, self._name, self._rate, most, lot)
        except (RedisError, OSError):
            self.ready_at = time.monotonic() + _REDIS_PAUSE
            return
        moment = time.monotonic()
        self._tokens = int(granted)
        self._lapses_at = moment + _LAPSE_SECONDS
        self.ready_at = moment + (max(int(wait) / 1000, _SHORTEST_WAIT) if wait else 0)


class Throttle:
    """The limits of one relay and of the recipients' domains."""

    def __init__(
        self, redis_url: str, relay: str, rate: float, domain_rates: Mapping[str, float]
    ) -> None:
        self._redis_url = redis_url
        self._relay = Bucket(redis_url, f"relay:{relay}", rate) if rate else None
        self._domains = {
            domain: Bucket(redis_url, f"domain:{domain}", limit)
            for domain, limit in domain_rates.items()
        }
        self._asking = asyncio.Lock()

    def admits_any(self) -> bool:
        """Whether the relay's limit lets a message go at this moment."""
        return self._relay is None or not self._relay.is_empty

    def admit(self, domain: str) -> bool:
        """Let one message to ``domain`` go, if both limits do."""
        if not self.admits_any():
            return False
        bucket = self._domains.get(domain)
        if bucket is not None and not bucket.spend():
            return False
        return self._relay is None or self._relay.spend()

    async def refill(self, domains: frozenset[str]) -> float:
        """Fetch tokens for what waits; return seconds until it is worth asking again."""
        async with self._asking:
            waiting = [self._domains[domain] for domain in domains if domain in self._domains]
            buckets = [*([self._relay] if self._relay else []), *waiting]
            empty = [bucket for bucket in buckets if bucket.is_empty]
            for bucket in empty:
                if time.monotonic() >= bucket.ready_at:
                    await bucket.refill()
            still = [bucket for bucket in empty if bucket.is_empty]
            if len(still) < len(empty):
                return 0.0
            moment = time.monotonic()
            return max(0.0, min((bucket.ready_at - moment for bucket in still), default=0.0))
