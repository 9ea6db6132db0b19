"""Routes that ask who may come in, and how much they may bring, before they read what is brought.

The framework reads a form or JSON before it asks any dependency. Whoever is not signed in could so
have gigabytes read, parsed and kept on disk. Every route here asks its guards first (the
dependencies that have ``admit``), and reads no more than its bound.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterator
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

#: Octets of a body, unless the route says otherwise with `up_to`.
LARGEST = 64 * 1024
#: Of a form's field that is no file, which is held in memory.
_LARGEST_FIELD = 12_000_000
#: A field of a reader may have 200 options, each of which is one of the form when it is ticked.
_MOST_FIELDS = 1000


class Guard(ABC):
    """A dependency that can tell by a request's head alone whether it may come in."""

    @abstractmethod
    async def admit(self, request: Request) -> object:
        """Refuse, by raising, or do nothing."""


class BodyLimit:
    """How many octets a route's body may have."""

    def __init__(self, octets: int) -> None:
        self.octets = octets

    def __call__(self) -> None:
        """Do nothing: `GuardedRoute` has looked at it before the body was read."""


async def read_form(request: Request) -> FormData:
    """Read the fields of a form; files in it are passed over.

    A route that takes it is a plain function, which runs in a thread of its own: one that were
    asynchronous for the sake of its form would hold up everybody while it waits for the database.
    """
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        return FormData([(n, value) for n, value in form.multi_items() if isinstance(value, str)])


SubmittedForm = Annotated[FormData, Depends(read_form)]


def up_to(octets: int) -> Any:  # noqa: ANN401 - what the framework makes of a dependency
    """Return the entry of a route's ``dependencies`` that bounds its body."""
    return Depends(BodyLimit(octets))


class GuardedRoute(APIRoute):
    """A route that asks its guards, then reads no more than its bound."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - the framework's
        plain = not inspect.iscoroutinefunction(endpoint)
        super().__init__(path, _try_again(endpoint) if plain else endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler behind the guards."""
        handle = super().get_route_handler()
        calls: list[object] = [dependency.call for dependency in flatten(self.dependant)]
        guards = [call for call in calls if isinstance(call, Guard)]
        limits = [call.octets for call in calls if isinstance(call, BodyLimit)]
        limit = limits[0] if limits else LARGEST

        async def guarded(request: Request) -> Response:
            if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
                # PostgreSQL keeps no NUL and would fail amid an answer that has begun.
                raise HTTPException(HTTPStatus.NOT_FOUND)
            for guard in guards:
                await guard.admit(request)
            request.scope["headers"] = [*map(_without_charset, request.scope["headers"])]
            bounded = _BoundedRequest(request.scope, _bounded(request, limit), octets=limit)
            try:
                return await handle(bounded)
            finally:
                # Whoever read a form: files in it may lie on the disk.
                await bounded.close()

        return guarded


class _BoundedRequest(Request):
    """A request whose form may have fields as large as its body, up to a bound of their own.

    The framework refuses a field of 1 MiB, and a letter of Japanese takes nine octets there.
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
        """Read the form; arguments as of the framework's."""
        return super().form(
            max_files=max_files,
            max_fields=max_fields,
            max_part_size=max_part_size or min(self._octets, _LARGEST_FIELD),
        )


def _without_charset(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return a header of a request; that of a form in parts with its boundary alone.

    No browser names a charset there (RFC 7578, 5.1.2). The framework would decode every field by
    whatever is named, and some codecs of the language, such as ``punycode``, take seconds for
    64 KB, in which nobody else is answered; others make letters that no database keeps.
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
    """Let a request that another one overtook be answered once more, by how things stand then.

    Two presses of a button come at once, and both find that nothing is there yet. The later one is
    then answered as though it had come later; nothing of its first try was kept.
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
    """A router whose routes are such."""

    def __init__(self, *, prefix: str = "") -> None:
        super().__init__(prefix=prefix, route_class=GuardedRoute)


def add_routes(into: FastAPI | APIRouter, *routers: APIRouter) -> None:
    """Serve the routes of ``routers`` as they are.

    The framework's own way builds each of them once more when it is first asked for a page: by
    hundreds of routes, the first visitor would wait a third of a second for it.
    """
    for router in routers:
        into.routes.extend(router.routes)


def flatten(dependant: Dependant) -> Iterator[Dependant]:
    """Yield the dependencies of a route, and theirs."""
    for inner in dependant.dependencies:
        yield inner
        yield from flatten(inner)


def _bounded(request: Request, limit: int) -> Callable[[], Awaitable[Message]]:
    """Return a way to receive a body that refuses to receive more than its bound.

    A length that is announced is refused at once; one that is not, as soon as too much has come.
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
                # Or the server would go on receiving, if only to forget it.
                headers={"Connection": "close"},
            )
        return message

    return receive


def client_of(request: Request) -> str:
    """Return the address a request came from; uvicorn reads it from a trusted proxy's header."""
    return request.client.host if request.client else ""


def network_of_request(request: Request) -> str:
    """Return from which network a request comes, which is what limits count by."""
    return network_of(client_of(request))


#: Digits of the greatest number that a column holds. The language reads none of thousands of
#: digits: it fails, where no page is expected to.
_DIGITS = 18


def read_number(text: str) -> int | None:
    """Return a natural number in digits of ASCII; None for whatever else stands there."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
