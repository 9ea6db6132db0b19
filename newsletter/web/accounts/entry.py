"""What all ways in share: the session's cookie, and where they lead, which is this site."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import RedirectResponse, Response

from newsletter.accounts.sessions import LIFETIME
from newsletter.accounts.sign_in import SignedIn
from newsletter.web.access import access_of, remember_browser

EntryField = Annotated[str, Form(max_length=2000)]


def local_path(path: str, fallback: str = "/home") -> str:
    """Return a path on this site, never another's: no open redirect."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() else fallback


def lead_to(path: str) -> RedirectResponse:
    """Lead to another page of this site."""
    return RedirectResponse(path, status_code=303)


def let_in(request: Request, begun: SignedIn, path: str) -> Response:
    """Give the session's cookie; who is wholly signed in is known the next time."""
    access = access_of(request)
    answer = lead_to(path)
    answer.set_cookie(
        access.session_cookie,
        begun.token,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        secure=access.secure,
        samesite="lax",
    )
    if begun.complete:
        remember_browser(request, answer, begun.account_id)
    return answer
