"""Mail as a page of its own: what its policy forbids, and what stands above it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from fastapi.responses import HTMLResponse

#: Mail carries its styles inline, and the pictures its editor chose; nothing in it may run, or lead
#: away by itself. Its links open as on any page.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src https: http: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-same-origin "
    "allow-downloads allow-popups allow-popups-to-escape-sandbox"
)
#: The paragraphs of a mail's frame that speak to whoever got it.
_MAIL_ONLY = re.compile(
    r'(<p\b[^<>]*\bclass="(?:[^"]*\s)?mail-only(?:\s[^"]*)?"[^<>]*>).*?</p>', re.DOTALL
)


def mail_page(
    html: str, *, head: str = "", above: str = "", headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    """Return a mail as a page, with more in its head and above it."""
    # On a page of its own the mail is the main part, for those who jump by landmarks.
    html = html.replace('role="article"', 'role="main"', 1)
    html = html.replace("</head>", f"{head}</head>", 1)
    html = re.sub(r"<body[^>]*>", lambda match: match.group() + above, html, count=1)
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY, **(headers or {})})


def without_link_to(url: str, html: str) -> str:
    """Return a mail's page without the links that lead to that very page."""
    link = rf'<a\b[^<>]*?\shref="{re.escape(escape(url))}"[^<>]*>.*?</a>'
    return re.sub(link, "", html, flags=re.DOTALL)


def for_everybody(html: str, words: str) -> str:
    """Return a mail's page with ``words`` in place of what speaks to whoever got the mail."""
    first = _MAIL_ONLY.search(html)
    if first is None:
        return html
    after = _MAIL_ONLY.sub("", html[first.end() :])
    return f"{html[: first.start()]}{first[1]}{words}</p>{after}"
