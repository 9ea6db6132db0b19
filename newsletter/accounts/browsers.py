"""What a session's browser is called on the page of who is signed in."""

from __future__ import annotations

from newsletter.i18n.messages import Message, msg

#: The data calls Apple's system as it was called until 2016.
_SYSTEMS = {"Mac OS X": "macOS"}


def name_browser(user_agent: str) -> Message | str:
    """Return browser and system, such as "Firefox on Windows"; empty where neither is known.

    The header is written by the browser and can say anything: it tells one's own sessions apart,
    and nothing is decided by it.

    Args:
        user_agent: The ``User-Agent`` header (RFC 9110, section 10.1.5), as kept.
    """
    from ua_parser import parse  # noqa: PLC0415 - a thousand patterns that one page needs

    parsed = parse(user_agent)
    browser = parsed.user_agent.family if parsed.user_agent else ""
    family = parsed.os.family if parsed.os else ""
    system = _SYSTEMS.get(family, family)
    if browser and system:
        return msg("{browser} on {system}", browser=browser, system=system)
    return browser or system
