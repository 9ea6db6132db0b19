"""URLs of servers in settings, each with a password: relays' and mailboxes'."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from newsletter.errors import Place, SettingError
from newsletter.i18n.messages import Message, msg


def split_url(url: str, place: Place, fault: Message) -> SplitResult:
    """Return the parts of a URL; behind a ``#`` is none, and a password's end would be lost there.

    Args:
        url: As the setting has it.
        place: The setting.
        fault: Says what URL it is that cannot be read. It does not repeat it.

    Raises:
        SettingError: Its host or its port is none, or it holds a ``#``.
    """
    refusal = SettingError(
        fault,
        place=place,
        remedy=msg(
            "A port is a number up to 65535; write special characters of a password as %XX."
        ),
    )
    if "#" in url:
        raise refusal
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise refusal from None
    return parts
