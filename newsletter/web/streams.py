"""Live parts of pages: server-sent events that end with the page, the session or the server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

from fastapi import HTTPException
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from newsletter.errors import ForbiddenError, NotFoundError
from newsletter.web.access import Requires, SignInRequiredError, Visit

#: Seconds after which a stream ends, so that the page opens another one.
_LIFETIME_SECONDS = 600
#: Simultaneous streams of one session; each queries the database every few seconds.
_MOST_PER_SESSION = 6


def live(
    visit: Visit, guard: Requires, show: Callable[[Visit], tuple[str, bool]], *, seconds: float
) -> StreamingResponse:
    """Return a stream with the result of ``show`` at an interval, until ``show`` ends the stream.

    The guard is called each time, so that the stream ends when the session or the role ends.
    """
    request, session_id = visit.request, visit.session_id
    open_streams: Counter[int] = request.app.state.streams
    if open_streams[session_id] >= _MOST_PER_SESSION:
        raise HTTPException(429, "Too many pages of this browser are followed at once.")
    open_streams[session_id] += 1

    async def events() -> AsyncIterator[str]:
        try:
            async for event in follow():
                yield event
        finally:
            open_streams.subtract([session_id])
            if open_streams[session_id] <= 0:
                del open_streams[session_id]

    async def follow() -> AsyncIterator[str]:
        for _ in range(int(_LIFETIME_SECONDS / seconds)):
            try:
                shown, moves = await run_in_threadpool(show, await guard(request))
            except (SignInRequiredError, ForbiddenError, NotFoundError):
                return
            yield "".join(f"data: {line}\n" for line in shown.splitlines()) + "\n"
            if not moves:
                yield "event: rest\ndata: now\n\n"
                return
            await asyncio.sleep(seconds)
            if request.app.state.is_ending() or await request.is_disconnected():
                return

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )
