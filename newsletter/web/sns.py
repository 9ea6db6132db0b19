"""What Amazon SNS is asked for: its certificates, and the confirmation of a subscription."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from newsletter.errors import UnavailableError
from subscribers.bounces.webhooks.sns import is_amazons

_TIMEOUT_SECONDS = 5
_OCTETS = 65_536


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to anywhere, into our own network also."""

    def redirect_request(self, *_details: object) -> None:
        """Follow none."""


def fetch(url: str) -> bytes:
    """Return what an address of Amazon SNS holds, over verified TLS.

    Raises:
        UnavailableError: It is not Amazon's, does not answer, or redirects.
    """
    if not is_amazons(url):
        raise UnavailableError("The address is not on a host of Amazon SNS.")
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(_OCTETS)
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise UnavailableError(
            f"Amazon SNS does not answer: {error}.",
            remedy="Webhooks of Amazon SES need a way out to sns.REGION.amazonaws.com:443.",
        ) from error
    return content
