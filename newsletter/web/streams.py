"""Live parts of pages: server-sent events that end with the page, the session or the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from newsletter.errors import ForbiddenError, NotFoundError
from newsletter.web.access import Requires, SignInRequiredError, Visit

#: A stream ends by itself after so long, and the page opens another.
_LIFETIME_SECONDS = 600


def live(
    request: Request, guard: Requires, show: Callable[[Visit], tuple[str, bool]], *, seconds: float
) -> StreamingResponse:
    """Return a stream of what ``show`` renders every so many seconds, until it says that it rests.

    Each time the guard is asked anew: who was signed out, or lost the role, sees no more of it.
    """

    async def events() -> AsyncIterator[str]:
        for _ in range(int(_LIFETIME_SECONDS / seconds)):
            try:
                visit = await guard(request)
                shown, moves = await run_in_threadpool(show, visit)
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
