"""Rate limits: token buckets in Redis, shared by all workers.

A new bucket is empty, so that mail is not sent faster after Redis has lost its data. Workers fetch
tokens in small lots, a few times per second instead of once per message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

#: KEYS[1] is the bucket; ARGV: tokens per second, maximum of saved tokens, requested tokens.
#: Returns the granted tokens and, if none, the milliseconds until one is available. It uses the
#: server's clock, since the workers' clocks may differ.
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
#: The size of a lot, and the maximum of saved tokens, in seconds of the rate.
_LOT_SECONDS = 0.25
_SAVED_SECONDS = 0.5
#: The minimum wait in seconds, so that tokens are not fetched one by one.
_SHORTEST_WAIT = 0.05
#: Seconds after which an unused lot expires, since it would permit a burst.
_LAPSE_SECONDS = 1.0
_REDIS_PAUSE = 1.0


class Bucket:
    """One rate limit, from the view of one worker process."""

    def __init__(self, redis_url: str, name: str, rate: float) -> None:
        self._redis_url = redis_url
        self._name = f"newsletter:rate:{name}"
        self._rate = rate
        self._tokens = 0
        self._lapses_at = 0.0
        #: When to fetch tokens again, on the monotonic clock.
        self.ready_at = 0.0

    def spend(self) -> bool:
        """Use one token; return False if there is none."""
        if self._tokens <= 0 or time.monotonic() > self._lapses_at:
            self._tokens = 0
            return False
        self._tokens -= 1
        return True

    @property
    def is_empty(self) -> bool:
        """Whether there is no token."""
        return self._tokens <= 0 or time.monotonic() > self._lapses_at

    async def refill(self) -> None:
        """Fetch a lot of tokens; if none is granted, set ``ready_at`` to the next attempt."""
        lot = max(1, int(self._rate * _LOT_SECONDS))
        most = max(1.0, self._rate * _SAVED_SECONDS)
        try:
            # A new client for each lot: it belongs to the running event loop, and lots are rare.
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
    """The rate limits of one relay and of recipient domains."""

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
        """Return whether the relay's limit permits a message now."""
        return self._relay is None or not self._relay.is_empty

    def admit(self, domain: str) -> bool:
        """Take tokens for a message to ``domain``; return False if a limit does not permit it."""
        if not self.admits_any():
            return False
        bucket = self._domains.get(domain)
        if bucket is not None and not bucket.spend():
            return False
        return self._relay is None or self._relay.spend()

    async def refill(self, domains: frozenset[str]) -> float:
        """Fetch tokens for the relay and these domains; return seconds until the next attempt."""
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
