"""What topics are asked for: Amazon's certificates, and the confirmation of a subscription."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from newsletter.bounces.webhooks.scaleway import is_scaleways
from newsletter.bounces.webhooks.sns import is_amazons
from newsletter.errors import UnavailableError
from newsletter.i18n.messages import msg

_TIMEOUT_SECONDS = 5
_OCTETS = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to anywhere, into our own network also."""

    def redirect_request(self, *_details: object) -> None:
        """Follow none."""


def fetch(url: str) -> bytes:
    """Return what an address of Amazon's or Scaleway's topics holds, over verified TLS.

    Raises:
        UnavailableError: It is neither's, does not answer, or redirects.
    """
    if not (is_amazons(url) or is_scaleways(url)):
        raise UnavailableError(msg("The address is not on a topic host of Amazon or Scaleway."))
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(_OCTETS)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise UnavailableError(
            msg("The topic’s host is not responding: {reason}.", reason=error),
            remedy=msg("The web server needs access to its port 443."),
        ) from error
    return content
