"""What all pages share: the services of the product, and the names of the cookies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request
from sqlalchemy import Engine

from newsletter.accounts.sealing import Sealer
from newsletter.mailings.reports.cached_figures import Figures
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms, TokenSigner
from newsletter.web.routing import client_of
from subscribers.join_limits import kept_network

if TYPE_CHECKING:
    from newsletter.operations.overview import Overview
    from newsletter.web.mailings.archive import SearchLimit
    from newsletter.web.pages import Pages
    from newsletter.web.subscribers.join_pages import JoinPages
    from newsletter.web.subscribers.unsubscribe_spool import UnsubscribeSpool


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Site:
    """The services of the pages, in ``app.state.site``.

    Attributes:
        reader_engine: The database for readers' pages, which wait for it at most as long as people
            wait for a page.
        unsubscribe_spool: Carries out requests to unsubscribe, also later.
        figures: The cache of figures that are slow to compute.
        searches: Limits the searches in archives.
        look_now: Returns the present state of operations.
    """

    settings: Settings
    engine: Engine
    reader_engine: Engine
    unsubscribe_spool: UnsubscribeSpool
    signer: TokenSigner
    sealer: Sealer
    figures: Figures
    pages: Pages
    joining: JoinPages
    searches: SearchLimit
    look_now: Callable[[], Overview]

    @property
    def pseudonyms(self) -> Pseudonyms:
        """The pseudonyms by which erased addresses are recognised."""
        return self.signer.pseudonyms

    @property
    def url(self) -> str:
        """The public URL, without a slash at its end."""
        return self.settings.public_url.rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether cookies are restricted to HTTPS, which may be missing on the local machine."""
        return self.url.startswith("https://")

    @property
    def session_cookie(self) -> str:
        """The session cookie's name; the prefix ties it to this host (RFC 6265bis)."""
        return "__Host-session" if self.secure else "session"

    @property
    def form_cookie(self) -> str:
        """The name of the cookie that form tokens are bound to before signing in."""
        return "__Host-form" if self.secure else "form"

    @property
    def browser_cookie(self) -> str:
        """The name of the cookie that identifies a browser which has signed in before."""
        return "__Host-browser" if self.secure else "browser"

    def session_token(self, request: Request) -> str:
        """Return the session's token, or an empty string."""
        return request.cookies.get(self.session_cookie, "")

    def network_to_keep(self, request: Request) -> str:
        """Return what is kept of a reader's network as evidence; see `kept_network`."""
        return kept_network(client_of(request), self.settings.consent_network)

    def holder(self, request: Request) -> str:
        """Return the value that form tokens are bound to."""
        return self.session_token(request) or request.cookies.get(self.form_cookie, "")


def site_of(request: Request) -> Site:
    """Return the services of the application that serves a request."""
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - set by `create_app`
    return site
