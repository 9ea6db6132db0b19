"""Routes that check access and the size of a request before they read its body.

The framework reads forms and JSON before it calls any dependency, so that clients without session
could make it read, parse and store gigabytes. Each route here calls its guards first (the
dependencies with ``admit``), and then reads no more than its limit.

The requests that one account or network may have answered at once are limited, too: a request holds
a thread while its database or its mail is worked on. There are 40 threads, and whoever used all of
them would stop every page, also those by which readers unsubscribe.
"""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute
from python_multipart.multipart import parse_options_header
from sqlalchemy.exc import DBAPIError
from starlette._utils import AwaitableOrContextManager
from starlette.datastructures import FormData, UploadFile
from starlette.types import Message, Receive, Scope

from newsletter.database.engine import is_overtaken
from newsletter.networks import network_of

#: Seconds after which a refused client may ask again.
_AGAIN = "60"


class ConcurrencyLimit:
    """Limits the requests of each account or network; there is one instance per process and use.

    Args:
        at_once: The requests of one owner that are answered at once.
        waiting: The further requests of one owner that may wait; None for any number.
    """

    def __init__(self, at_once: int, *, waiting: int | None = None) -> None:
        self._at_once, self._waiting = at_once, waiting
        self._running: Counter[Hashable] = Counter()
        self._queued: Counter[Hashable] = Counter()
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, owner: Hashable, *, patience: float) -> AsyncIterator[None]:
        """Wait for some seconds at most until fewer are answered, and count during the block.

        Raises:
            HTTPException: Too many requests of the owner wait, or this one waited too long.
        """
        async with self._freed:
            if self._running[owner] >= self._at_once:
                await self._queue(owner, patience)
            self._running[owner] += 1
        try:
            yield
        finally:
            async with self._freed:
                _count_down(self._running, owner)
                self._freed.notify_all()

    async def _queue(self, owner: Hashable, patience: float) -> None:
        if self._waiting is not None and self._queued[owner] >= self._waiting:
            raise _busy()
        self._queued[owner] += 1
        try:
            async with asyncio.timeout(patience):
                await self._freed.wait_for(lambda: self._running[owner] < self._at_once)
        except TimeoutError:
            raise _busy() from None
        finally:
            _count_down(self._queued, owner)


def _count_down(counter: Counter[Hashable], owner: Hashable) -> None:
    counter[owner] -= 1
    if not counter[owner]:
        del counter[owner]


def _busy() -> HTTPException:
    return HTTPException(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Too many calls at once.",
        headers={"Retry-After": _AGAIN, "Connection": "close"},
    )


#: Octets of the largest body, unless the route sets another limit with `up_to`.
LARGEST = 64 * 1024
#: Octets of a form's field that is not a file; such fields are held in memory.
_LARGEST_FIELD = 12_000_000
#: Seconds that a reader's request waits for the database while another process writes to it. Longer
#: than most transactions take, and shorter than people wait for a page.
READER_SECONDS = 10
#: Fields of a form; a reader's field may have 200 options, each of which is one form field.
_MOST_FIELDS = 1000


class Guard(ABC):
    """A dependency that decides on access without the body of the request."""

    @abstractmethod
    async def admit(self, request: Request) -> object:
        """Raise an error to refuse the request."""


class BodyLimit:
    """The maximum octets of a route's body."""

    def __init__(self, octets: int) -> None:
        self.octets = octets

    def __call__(self) -> None:
        """Do nothing, since `GuardedRoute` reads this limit before the body."""


async def read_form(request: Request) -> FormData:
    """Return the fields of a form; files in it are ignored.

    Routes use this dependency so that they can be plain functions, which run in threads. An
    asynchronous route that reads its form would block all requests while it waits for the database.
    """
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        fields = FormData([(n, value) for n, value in form.multi_items() if isinstance(value, str)])
    request.state.submitted = fields
    return fields


def submitted_to(request: Request) -> FormData:
    """Return the fields that `read_form` read; none if the route reads no form."""
    fields: FormData = getattr(request.state, "submitted", FormData())
    return fields


SubmittedForm = Annotated[FormData, Depends(read_form)]


def up_to(octets: int) -> Any:  # noqa: ANN401 - the framework's type
    """Return an entry for a route's ``dependencies`` that limits its body."""
    return Depends(BodyLimit(octets))


class GuardedRoute(APIRoute):
    """A route that calls its guards, and then reads no more than its limit."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - the framework's
        plain = not inspect.iscoroutinefunction(endpoint)
        super().__init__(path, _try_again(endpoint) if plain else endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler, wrapped by the guards."""
        handle = super().get_route_handler()
        calls: list[object] = [dependency.call for dependency in flatten(self.dependant)]
        guards = [call for call in calls if isinstance(call, Guard)]
        limits = [call.octets for call in calls if isinstance(call, BodyLimit)]
        limit = limits[0] if limits else LARGEST

        async def guarded(request: Request) -> Response:
            if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
                # PostgreSQL cannot store NUL and would fail after the response has started.
                raise HTTPException(HTTPStatus.NOT_FOUND)
            for guard in guards:
                await guard.admit(request)
            request.scope["headers"] = [*map(_without_charset, request.scope["headers"])]
            bounded = _BoundedRequest(request.scope, _bounded(request, limit), octets=limit)
            try:
                async with _within_limit(request):
                    return await handle(bounded)
            finally:
                # If a form was read, its files may be on disk.
                await bounded.close()

        return guarded


#: Requests of one account that are answered at once, further ones that wait, and for how many
#: seconds. A page with its frames and pictures sends some ten at once.
_AT_ONCE, _WAITING, _PATIENCE = 6, 60, 60.0


def limit_of_accounts() -> ConcurrencyLimit:
    """Return the limit of each account's requests, for ``app.state.account_limit``."""
    return ConcurrencyLimit(_AT_ONCE, waiting=_WAITING)


def _within_limit(request: Request) -> AbstractAsyncContextManager[None]:
    """Return the context in which a request is answered: an account's waits for its limit."""
    visit = getattr(request.state, "visit", None)
    if visit is None:
        return nullcontext()
    limit: ConcurrencyLimit = request.app.state.account_limit
    return limit.hold(visit.account_id, patience=_PATIENCE)


class _BoundedRequest(Request):
    """A request whose form fields may be as large as the body, up to their own limit.

    The framework refuses fields of 1 MiB, and one Japanese letter takes nine octets in a form.
    """

    def __init__(self, scope: Scope, receive: Receive, *, octets: int) -> None:
        super().__init__(scope, receive)
        self._octets = octets

    def form(
        self,
        *,
        max_files: float = 1000,
        max_fields: float = 1000,
        max_part_size: int | None = None,
    ) -> AwaitableOrContextManager[FormData]:
        """Read the form; the arguments are those of the framework."""
        return super().form(
            max_files=max_files,
            max_fields=max_fields,
            max_part_size=max_part_size or min(self._octets, _LARGEST_FIELD),
        )


def _without_charset(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header of a request; a multipart Content-Type is reduced to its boundary.

    No browser sends a charset there (RFC 7578, 5.1.2). The framework would decode every field with
    any given codec. Some of Python's codecs, such as ``punycode``, take seconds for 64 KB, which
    block all requests; others return characters that no database can store.
    """
    name, value = header
    if name != b"content-type":
        return header
    kind, options = parse_options_header(value)
    if kind != b"multipart/form-data" or options.keys() <= {b"boundary"}:
        return header
    boundary = options.get(b"boundary", b"").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return name, b'%b; boundary="%b"' % (kind, boundary)


def _try_again(answer: Callable[..., Any]) -> Callable[..., Any]:
    """Repeat a request once if a concurrent one has changed the same rows.

    For example, a button is clicked twice, and both requests find no row yet. The second request is
    rolled back and repeated, as if it had arrived later.
    """

    @wraps(answer)
    def answered(**values: Any) -> Any:  # noqa: ANN401 - the framework's
        try:
            return answer(**values)
        except DBAPIError as error:
            if not is_overtaken(error):
                raise
        for value in values.values():
            for file in value if isinstance(value, list) else [value]:
                if isinstance(file, UploadFile):
                    file.file.seek(0)
        return answer(**values)

    return answered


class Router(APIRouter):
    """A router with `GuardedRoute` routes."""

    def __init__(self, *, prefix: str = "") -> None:
        super().__init__(prefix=prefix, route_class=GuardedRoute)


def add_routes(into: FastAPI | APIRouter, *routers: APIRouter) -> None:
    """Add the routes of ``routers`` without building them again.

    The framework's method builds each route a second time at the first request, which takes a third
    of a second for hundreds of routes.
    """
    for router in routers:
        into.routes.extend(router.routes)


def flatten(dependant: Dependant) -> Iterator[Dependant]:
    """Yield the direct and indirect dependencies of a route."""
    for inner in dependant.dependencies:
        yield inner
        yield from flatten(inner)


def _bounded(request: Request, limit: int) -> Callable[[], Awaitable[Message]]:
    """Return a function that receives a body and refuses to receive more than the limit.

    A too large announced length is refused at once, an unannounced one as soon as it is exceeded.
    """
    announced = request.headers.get("content-length", "0")
    too_large = announced.isdigit() and int(announced[:20]) > limit
    received = 0

    async def receive() -> Message:
        nonlocal received, too_large
        message: Message = {}
        if not too_large:
            message = await request.receive()
            received += len(message.get("body", b""))
            too_large = received > limit
        if too_large:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The request has more than {limit:,} octets.",
                # Otherwise the server would receive and discard the rest.
                headers={"Connection": "close"},
            )
        return message

    return receive


def client_of(request: Request) -> str:
    """Return the client's address, which uvicorn reads from the header of a trusted proxy."""
    return request.client.host if request.client else ""


def network_of_request(request: Request) -> str:
    """Return the client's network, for which requests are counted and limited."""
    return network_of(client_of(request))


#: Digits of the greatest number in a column. Python raises an unexpected error for numbers with
#: thousands of digits.
_DIGITS = 18


def read_number(text: str) -> int | None:
    """Return a natural number written in ASCII digits; None for other texts."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
