"""Probes of liveness and readiness, and metrics for Prometheus."""

from __future__ import annotations

import asyncio
import hmac
import time
from functools import partial
from ipaddress import ip_address

from fastapi import Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from newsletter.database.engine import is_crowded, write_refusal
from newsletter.database.migrations import is_current
from newsletter.disk import DiskFault
from newsletter.operations.broker import look_at_broker
from newsletter.operations.metrics import OperationsCollector, SingleFlight
from newsletter.operations.overview import disk_of
from newsletter.settings import Settings
from newsletter.web.routing import Router
from workers.overview import overview_source

#: Headers of proxies; if one is present, the peer's address is not that of the client.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_TRIAL_SECONDS = 5.0
#: Seconds for a check; the health check of docker-compose.yml waits 5 seconds.
_TIMEOUT_SECONDS = 3.0
_FAULTS = {
    DiskFault.FULL: "its disk is full",
    DiskFault.DENIED: "its folder cannot be written to",
    DiskFault.FAILED: "its disk reports an error",
}


def probes_router(settings: Settings, engine: Engine, registry: CollectorRegistry) -> Router:
    """Return the routes for monitors; ``registry`` holds the metrics of this process."""
    router = Router()
    database = SingleFlight(_DatabaseProbe(engine).problem, seconds=_TIMEOUT_SECONDS)
    broker = SingleFlight(partial(_broker_problem, settings), seconds=_TIMEOUT_SECONDS)
    registry.register(OperationsCollector(engine, overview_source(settings, engine)))

    @router.get("/healthz")
    async def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        # Anybody may call this, and a hanging server must not occupy the threads of the pages.
        told = await asyncio.gather(
            _told(database, "The database does not answer."),
            _told(broker, "Redis does not answer."),
        )
        problems = [problem for problem in told if problem]
        status = 503 if problems else 200
        return JSONResponse({"ready": not problems, "problems": problems}, status_code=status)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        if not _may_read(settings, request):
            return PlainTextResponse(
                "METRICS_TOKEN is needed here.",
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


async def _told(probe: SingleFlight[str], silence: str) -> str:
    try:
        return await probe.answer_awaited()
    except SQLAlchemyError as error:
        return "The database accepts no more connections." if is_crowded(error) else silence
    except TimeoutError:
        return silence


def _broker_problem(settings: Settings) -> str:
    if settings.redis_url and look_at_broker(settings.redis_url).problem:
        return "Redis does not answer."
    return ""


class _DatabaseProbe:
    """Checks whether the database can be written to.

    A server is checked at most once in some seconds, since a check transfers half a megabyte.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: tuple[float, str] | None = None

    def problem(self) -> str:
        """Return the problem of the database; empty if there is none."""
        if not is_current(self._engine):
            return "The database is not in its newest form: run newsletter web once."
        refusal = self._refusal()
        return f"The database accepts no changes: {refusal}." if refusal else ""

    def _refusal(self) -> str:
        disk = disk_of(self._engine)
        if disk is not None:
            return _FAULTS[disk.fault] if disk.fault else ""
        moment = time.monotonic()
        if self._last is None or moment - self._last[0] > _TRIAL_SECONDS:
            self._last = (moment, write_refusal(self._engine).rstrip("."))
        return self._last[1]


def _may_read(settings: Settings, request: Request) -> bool:
    if settings.metrics_token is not None:
        expected = f"Bearer {settings.metrics_token.get_secret_value()}".encode()
        return hmac.compare_digest(request.headers.get("authorization", "").encode(), expected)
    if (
        not settings.is_local
        or request.client is None
        or any(name in request.headers for name in _FORWARDED)
    ):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
