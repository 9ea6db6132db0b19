"""Where a request comes from."""

from __future__ import annotations

from fastapi import Request

from newsletter.accounts.sign_in_limits import network_of


def client_of(request: Request) -> str:
    """Return the address a request came from; uvicorn reads it from a trusted proxy's header."""
    return request.client.host if request.client else ""


def network_of_request(request: Request) -> str:
    """Return from which network a request comes, which is what limits count by."""
    return network_of(client_of(request))
