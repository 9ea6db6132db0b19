"""Find parts of SMTP dialogues in text: reply codes, enhanced status codes, refused commands."""

from __future__ import annotations

import re
from functools import lru_cache

from newsletter.bounces.phrase_tables import tables

_LOOKED_AT = 8_000
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![.]?\d)")
#: X.400's diagnostic for a name that does not exist: 5.1.1 (RFC 2157, 3.1.4).
_OR_NAME = re.compile(r"unrecogni[sz]ed[- ]o/?r[- ]name", re.IGNORECASE)
_REPLY = re.compile(
    r"(?<![\w.\-/:@=])(?:(?:error|response)[_ ]?code[ :]{1,3})?"
    r"(4[2357][0-5]|44[1-9]|45\d|5[0-57]\d)(?=[\s\-:;,<)\]#'\"]|$)",
    re.IGNORECASE,
)
#: Units that follow a number which is not an SMTP reply code.
_COUNTED = re.compile(
    r"\s{0,3}(?:octets|bytes|kb|mb|hours?|days?|seconds?|minutes?|times|messages)\b"
)

#: Texts of mail systems that name the command which a reply answered.
_NAMING_COMMAND = (
    re.compile(
        r"in\s{1,8}(?:reply|response)\s{1,8}to\s{1,8}(?:end\s{1,8}of\s{1,8})?"
        r"(?:the\s{1,8})?(RCPT|DATA|MAIL|EHLO|HELO|AUTH|STARTTLS)",
        re.IGNORECASE,
    ),
    # In lower case, "mail" and "data" are ordinary words.
    re.compile(
        r"(?i:error|response|reply|replied|rejected|refused|failed|failure|timeout)[^\n@]{0,60}?"
        r"\b(?i:after|at|during|for|in|on|to)\s{0,16}[:：]?\s{0,4}(?i:end of )?"
        r"(RCPT|[Rr]cpt|DATA|(?<=end of )data|MAIL|[Mm]ail(?= from:)|EHLO|HELO|AUTH|TEXT|STARTTLS"
        r"|(?i:initial connection))\b",
    ),
    re.compile(r"did not like our (?:final )?(RCPT|DATA|MAIL|EHLO|HELO)", re.IGNORECASE),
    re.compile(r"SMTP:\s{0,2}(RCPT|DATA|MAIL|EHLO|HELO|CONNECT)\b"),
    re.compile(r"\[(RCPT|DATA|BODY|MAIL|EHLO|HELO)(?:_TO|_FROM)?\]"),
    re.compile(r"\((RCPT|DATA|MAIL|EHLO|HELO)(?: TO| FROM)?\)"),
    re.compile(r"\bsent:? {0,4}(?:[<>]{3} {1,4})?(RCPT|DATA|MAIL|EHLO|HELO)\b", re.IGNORECASE),
    re.compile(r"\bsent: {1,4}(\.)[ \t]{0,8}$", re.IGNORECASE | re.MULTILINE),
    re.compile(r"-{3,40} ?SMTP command\s{1,4}(RCPT|DATA|MAIL|EHLO|HELO)\b"),
    re.compile(
        r"(?:command|コマンド|commande|comando|befehl)[ \t]{0,3}[:：= ][ \t]{0,3}[\"'<\[]?"
        r"(RCPT|DATA|MAIL|EHLO|HELO)\b",
        re.IGNORECASE,
    ),
    re.compile(r"most progress was (RCPT|DATA|MAIL|EHLO|HELO)"),
)
#: Less reliable patterns, tried last: the command next to its result.
_BESIDE = (
    re.compile(
        r"\b([Rr][Cc][Pp][Tt]|MAIL|DATA)(?:[ _-](?i:to|from))?(?::? ?<[^<>\n]{0,200}>)?,? "
        r"(?i:command|failed|was (?:refused|rejected))\b"
    ),
    re.compile(
        r"(?i:response|reply|replied|responded|sending|sent|refused|rejected|after|stage)"
        r"(?i:\s{1,4}to)?(?i:\s{1,4}the)?[: ]{1,4}([Rr][Cc][Pp][Tt]|MAIL FROM|DATA)\b"
    ),
    re.compile(
        r"^[ \t]{0,8}(RCPT|MAIL) (?:TO|FROM): ?<[^<>\n]{1,200}>[^\n]{0,80}\n"
        r"[ \t<>-]{0,8}[45]\d\d\b",
        re.MULTILINE | re.IGNORECASE,
    ),
    re.compile(r"\b(end of data|after (?:message body|end of message))\b", re.IGNORECASE),
)
#: Gmail's old bounces number the state of its SMTP session.
_STATE = re.compile(r"\(state (\d{1,2})\)")
_STATES = {
    "6": "STARTTLS",
    "8": "AUTH",
    "9": "AUTH",
    "12": "AUTH",
    "13": "MAIL",
    "14": "RCPT",
    "15": "DATA",
    "17": "DATA",
    "18": "DATA",
}
#: The direction of an arrow differs between systems; the text after the arrow decides.
_BEHIND_ARROW = r"^[^\n@<>]{0,60}?(?:[<>]{2,3}|[-=]{1,3}>|<[-=]{1,3}|\b(?:[CS]|In|Out):) {1,4}"
_SENT = re.compile(
    _BEHIND_ARROW + r"(RCPT|DATA|MAIL|EHLO|HELO|AUTH|\.|[Rr]cpt|[Mm]ail)", re.MULTILINE
)
_REFUSED = re.compile(_BEHIND_ARROW + r"([45]\d\d[^\n]{0,300})", re.MULTILINE)
#: The reply after every RCPT of a pipelined session was refused (RFC 2920 section 3.1). The reply
#: before it answers RCPT, although DATA had been sent by then.
_NO_RECIPIENT_LEFT = re.compile(
    r"5\d\d[ -](?:5\.\d\.\d )?[^\n]{0,40}?"
    r"\b(?:need|no(?: valid)?|without|missing|valid|send|must)\b"
    r"[^\n]{0,24}?\b(?:rcpt|recipients?)\b|503[^\n]{0,40}\brcpt\b",
    re.IGNORECASE,
)
#: Sendmail's own line about a recipient; about a message it writes "Service unavailable".
_SENDMAILS = re.compile(
    r"^5\d\d 5\.1\.[0-36] <?[^\s<>]{1,200}>?\.\.\. (?!blocked)", re.IGNORECASE | re.MULTILINE
)
_ATTEMPTS = re.compile(r"\(delivery attempts: \d{1,4}\)")
#: Wrapped replies: IronPort's class of the next host's reply, with that reply inside.
_WRAPPED = re.compile(
    r"\b[45]\.\d\.\d{1,3} - (?P<file>[A-Za-z ]{8,60}?)[ :(]{1,3}"
    r"(?P<inner>'?[45]\d\d\b[-' ,\[\"#(].*)",
    re.DOTALL,
)
#: Exchange Online's own code, and the next host's reply after an arrow.
_POINTED_AT = re.compile(
    r"remote server returned[^>]{0,80}-> ?(?P<inner>[45]\d\d\b.*)", re.DOTALL | re.IGNORECASE
)
#: A reply without its code.
_ANSWERED = re.compile(
    _BEHIND_ARROW + r"((?!\d{3}\b|(?:RCPT|DATA|MAIL|EHLO|HELO|AUTH|QUIT|RSET)\b|\.$)[^\n]{1,300})",
    re.MULTILINE | re.IGNORECASE,
)
_OTHER_NAMES = {
    ".": "DATA",
    "AFTER END OF MESSAGE": "DATA",
    "AFTER MESSAGE BODY": "DATA",
    "BODY": "DATA",
    "CONNECT": "CONN",
    "END OF DATA": "DATA",
    "INITIAL CONNECTION": "CONN",
    "MAIL FROM": "MAIL",
    "TEXT": "DATA",
}


def find_status(text: str) -> str:
    """Return the most particular enhanced status code: any other one before ``5.0.0``."""
    statuses = [match[1] for match in _STATUS.finditer(text[:_LOOKED_AT]) if match[1][0] != "2"]
    statuses += ["5.1.1"] * bool(_OR_NAME.search(text, 0, _LOOKED_AT))
    return next(
        (one for one in statuses if not one.endswith(".0.0")), statuses[0] if statuses else ""
    )


def find_reply(text: str) -> str:
    """Return the first SMTP reply code in a text, or an empty string."""
    for match in _REPLY.finditer(text[:_LOOKED_AT]):
        if not _COUNTED.match(text[match.end() : match.end() + 20].lower()):
            return match[1]
    return ""


@lru_cache(maxsize=32)  # a bounce's recipients share most of its text
def find_command(text: str, *, answer: str = "") -> str:
    """Return the SMTP command that was refused, in capitals, or an empty string.

    Args:
        text: The surrounding text; only the first 8,000 characters are read.
        answer: The reply in question; in a transcript the command before this reply is returned.
    """
    text = text[:_LOOKED_AT]
    for pattern in _NAMING_COMMAND:
        match = pattern.search(text)
        if match is not None:
            return _named(match[1])
    lower = text.lower()
    for command, sentences in tables("commands").items():
        if any(one in lower for one in sentences):
            return command.upper()
    state = _STATE.search(text)
    if state is not None and state[1] in _STATES:
        return _STATES[state[1]]
    return _from_transcript(text, answer) or _from_beside(text)


def _from_beside(text: str) -> str:
    matches = (pattern.search(text) for pattern in _BESIDE)
    return next((_named(match[1]) for match in matches if match is not None), "")


def _from_transcript(text: str, answer: str) -> str:
    refused = list(_REFUSED.finditer(text)) or list(_ANSWERED.finditer(text))
    if not refused:
        return ""
    start = " ".join(answer.split())[:40].lower()
    found = next(
        (one for one in refused if start and " ".join(one[1].split()).lower().startswith(start)),
        refused[0],
    )
    sent = list(_SENT.finditer(text, 0, found.start()))
    command = _named(sent[-1][1]) if sent else ""
    if command == "DATA" and _answers_recipient(found[1], text[found.start() :]):
        return "RCPT"
    return command


def _answers_recipient(reply: str, rest: str) -> bool:
    """Return whether a reply below DATA answers an earlier RCPT of a pipelined session."""
    if reply.startswith("551"):  # RFC 5321 section 4.3.2: never an answer to DATA.
        return True
    following = rest.partition("\n")[2]
    return (
        _NO_RECIPIENT_LEFT.search(following) is not None or _SENDMAILS.search(following) is not None
    )


def follows_refused_recipients(reply: str) -> bool:
    """Return whether a reply only follows from the refusal of each recipient."""
    return _NO_RECIPIENT_LEFT.match(reply.strip()[:200]) is not None


def unwrap(words: str) -> tuple[str, str]:
    """Return the next host's reply inside a gateway's summary, and the command it answered.

    The summary (5.1.0, "Unknown address error") covers every 550 to RCPT alike, so the next host's
    reply decides. Text without such a summary is returned unchanged.
    """
    pointed_at = _POINTED_AT.search(words[:_LOOKED_AT])
    if pointed_at is not None:
        return pointed_at["inner"].strip(), ""
    match = _WRAPPED.search(words[:_LOOKED_AT])
    if match is None:
        return words, ""
    is_address = "address" in match["file"].lower()
    inner = _ATTEMPTS.sub("", match["inner"])
    return inner.strip("'\"()[], "), "RCPT" if is_address else ""


def _named(command: str) -> str:
    upper = command.upper()
    return _OTHER_NAMES.get(upper, upper)
