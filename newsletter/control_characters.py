"""Control characters in texts from outside are made visible, so that terminals do not obey them.

Replies of mail servers, commands of clients of the listener, and titles appear on terminals and in
logs, which are read on terminals.
"""

from __future__ import annotations

import re

#: Control characters (except tab and line feed) to their pictures in Unicode, and characters that
#: change the direction of text to U+FFFD.
PICTURES = {
    **{code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}},
    **dict.fromkeys((*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD),
}
_TAKEN_AWAY = dict.fromkeys(PICTURES)
#: Control characters that JSON does not escape (RFC 8259 section 7).
_LEFT_BY_JSON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def plain_name(text: str) -> str:
    """Return a name on one line, with single spaces and without control characters."""
    return " ".join(text.translate(_TAKEN_AWAY).split())


def harmless_json(written: str) -> str:
    """Return equivalent JSON with all control characters escaped."""
    return _LEFT_BY_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", written)
