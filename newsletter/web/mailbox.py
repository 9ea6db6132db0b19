"""The inbox of the local mailbox, which shows mails as HTML, text, source and headers."""

from __future__ import annotations

from email.message import EmailMessage
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse

from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.mailbox.store import MailboxStore, Stored
from newsletter.web.access import find_visit
from newsletter.web.pages import Pages
from newsletter.web.routing import Router

_PAGE = 50
#: The policy of the frame with the mail: no scripts, and links open in another tab. Pictures of
#: this product are shown; those of other hosts are not, since the hosts would learn of the display.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src {ours} data:; base-uri 'self'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


def inbox_router(mailbox: MailboxStore, pages: Pages, *, public_url: str) -> Router:
    """Return the routes of the inbox; pictures under ``public_url`` are shown."""
    own = urlsplit(public_url)
    policy = _FRAME_POLICY.format(ours=f"{own.scheme}://{own.netloc}")
    router = Router(prefix="/inbox")

    def _get(number: int) -> Stored:
        stored = mailbox.get(number)
        if stored is None:
            raise NotFoundError(msg("There is no such message."))
        return stored

    @router.get("")
    def inbox(request: Request, q: str = "", page: int = 1) -> HTMLResponse:
        offset = (max(page, 1) - 1) * _PAGE
        mails = mailbox.list(search=q, offset=offset, limit=_PAGE + 1)
        return pages.show(
            "mailbox/inbox.html",
            language=pages.language_of(request),
            zone=_zone_of(request),
            messages=mails[:_PAGE],
            more=len(mails) > _PAGE,
            page=max(page, 1),
            q=q,
            total=mailbox.count(),
        )

    @router.get("/{number}")
    def message(number: int, request: Request, view: str = "html") -> HTMLResponse:
        stored = _get(number)
        parsed = stored.parsed()
        return pages.show(
            "message.html",
            language=pages.language_of(request),
            zone=_zone_of(request),
            message=stored.summary,
            view=view if view in {"html", "text", "source", "headers"} else "html",
            from_header=str(parsed.get("From", "")),
            text=_part(parsed, "plain"),
            source=stored.raw.decode("utf-8", "replace"),
            headers=[(name, str(value)) for name, value in parsed.items()],
            size=len(stored.raw),
        )

    @router.get("/{number}/html")
    def html(number: int) -> HTMLResponse:
        body = _part(_get(number).parsed(), "html")
        page = body.replace("<head>", '<head><base target="_blank">', 1)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    return router


def _zone_of(request: Request) -> str:
    """Return the time zone of the signed-in account, or else that of new accounts."""
    visit = find_visit(request)
    return visit.time_zone if visit and visit.time_zone else "Asia/Tokyo"


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return "" if part is None else str(part.get_content())
