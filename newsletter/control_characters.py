"""Control characters: what steers a terminal, in words of strangers, is shown and not done.

Replies of mail servers, commands of whoever calls the listener, and titles are on terminals and in
logs, which somebody reads in one.
"""

from __future__ import annotations

import re

#: Controls as pictures, and what turns the direction of letters as unknown; not tab and line feed.
PICTURES = {
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},
    **dict.fromkeys((*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
}
_TAKEN_AWAY = dict.fromkeys(PICTURES)
#: Those that JSON leaves as they are (RFC 8259 section 7).
_LEFT_BY_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain_name(text: str) -> str:
    """Return a name that somebody gives on one line, its blanks single, without controls."""
    return " ".join(text.translate(_TAKEN_AWAY).split())


def harmless_json(written: str) -> str:
    """Return JSON that means the same, with all controls escaped."""
    return _LEFT_BY_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", written)
