"""Classifying: what a refusal amounts to, from its words and its codes.

Words go first where they say something particular, since servers answer 5.1.1 to full mailboxes and
5.7.1 to nearly anything. That nobody is there is believed only of a directory's own words, of a
code that says so, or of a refused RCPT: content filters use the same words after DATA.
"""

from __future__ import annotations

import re
from functools import lru_cache

from subscribers.bounces.dialogue import find_reply
from subscribers.bounces.model import Reason
from subscribers.bounces.phrases import (
    Phrases,
    grammar,
    mailbox,
    message,
    phrases,
    sender,
    transport,
    unknown,
)
from subscribers.bounces.phrases.grammar import Pairs, pairs
from subscribers.bounces.statuses import is_for_now, reason_of_reply, reason_of_status

_LOOKED_AT = 2_000
_ADDRESS = re.compile(r"[^\s@<>\"()\[\],;:']{1,100}@[\w.-]{1,200}")
_LINK = re.compile(r"https?://\S{1,400}")
_HOST_NAME = re.compile(r"(?<![\w-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,9}(?![\w-])")
#: Said in each case: sendmail's and qmail's last lines, PowerMTA's count.
_SAID_ANYWAY = re.compile(
    r"55[04] 5\.0\.0 service unavailable|giving up on [0-9a-f.:]{3,45}"
    r"|\(delivery attempts: \d{1,4}\)"
)
_BLOCK_LISTS = re.compile(
    r"spamhaus\.|spamcop\.|barracudacentral\.|sorbs\.|abuseat\.|surbl\.|uceprotect|njabl\.|cbl\.|psbl\."
    r"|mailspike|invaluement|senderscore|dnsbl|rbldns|spamrl|sbl-xbl|att\.net/blocks"
)

#: Between what denies a thing and the thing.
_CLOSE = r"[ '\"<(:]{1,3}(?:\w{1,12} ){0,2}"
_AT_ONCE = r"[^a-z;]{0,12}(?:is |was )?"
_BESIDE = r"[^。、.,;]{0,16}?"

#: Of the mailbox: they win over everything, the person is there.
_MAILBOX: tuple[tuple[Reason, Phrases], ...] = (
    (Reason.MAILBOX_FULL, phrases(mailbox.FULL)),
    (Reason.MESSAGE_TOO_BIG, phrases(mailbox.TOO_BIG)),
    (Reason.SUSPENDED, phrases(mailbox.SUSPENDED)),
    (Reason.MOVED, phrases(mailbox.MOVED)),
)
_SENDER = phrases(sender.NAMED)
#: Unknown people are many here: the sender is blamed for them, none of them is spoken of.
_BLAMING = phrases(sender.RELAYING, sender.RATE, sender.BLAMING)
_FOR_SURE = phrases(unknown.USER_FOR_SURE)
_PERHAPS = phrases(unknown.USER_PERHAPS)
_AT_LAST = phrases(unknown.USER_AT_LAST)
_NO_MAIL = phrases(unknown.NO_MAIL)
_HOST = phrases(unknown.HOST)
_HOST_FOR_NOW = phrases(unknown.HOST_FOR_NOW)
#: Of the sender and the message, the more particular first.
_OTHERS: tuple[tuple[Reason, Phrases], ...] = (
    (Reason.RELAYING_DENIED, phrases(sender.RELAYING)),
    (Reason.AUTHENTICATION, phrases(sender.AUTHENTICATION)),
    (Reason.RATE_LIMITED, phrases(sender.RATE)),
    (Reason.BLOCKED, phrases(sender.BLOCKED)),
    (Reason.SPAM, phrases(message.SPAM)),
    (Reason.SENDER_REJECTED, phrases(sender.REJECTED)),
    (Reason.POLICY, phrases(message.POLICY)),
    (Reason.SECURITY, phrases(message.SECURITY)),
    (Reason.CONTENT, phrases(message.CONTENT)),
)
_FILTERED = phrases(transport.FILTERED)
#: What words say by their grammar, asked where no phrase is known.
_OF_US: tuple[Pairs, ...] = (
    pairs(grammar.SENDER, (*grammar.ABSENT, *grammar.UNWANTED, "no such")),
    pairs(grammar.DENIED, grammar.SENDER, between=_CLOSE),
    pairs(grammar.SENDER_UNSPACED, grammar.ABSENT_UNSPACED, between=_BESIDE, spaced=False),
)
_PERSON: tuple[Pairs, ...] = (
    pairs(grammar.PERSON, grammar.ABSENT),
    pairs(grammar.DENIED, grammar.PERSON, between=_CLOSE),
    pairs(("thisaddress",), grammar.ABSENT, between=_AT_ONCE),
    pairs(grammar.DENIED, ("thisaddress",), between=_CLOSE),
    pairs(grammar.PERSON_UNSPACED, grammar.ABSENT_UNSPACED, spaced=False),
    pairs(grammar.ABSENT_UNSPACED, grammar.PERSON_UNSPACED, between=_BESIDE, spaced=False),
)
_ROOM: tuple[Pairs, ...] = (
    pairs(grammar.ROOM, grammar.FULL),
    pairs(grammar.FULL, grammar.ROOM, between=_CLOSE),
    pairs(grammar.ROOM_UNSPACED, grammar.FULL_UNSPACED, between=_BESIDE, spaced=False),
)
_UNWANTED = pairs(grammar.TRAFFIC, grammar.UNWANTED)
_NO_HOST: tuple[Pairs, ...] = (
    pairs(grammar.HOST, grammar.HOST_ABSENT),
    pairs(grammar.HOST_DENIED, grammar.HOST, between=_CLOSE),
)
_WAY: tuple[tuple[Reason, Phrases], ...] = (
    (Reason.NETWORK, phrases(transport.NETWORK)),
    (Reason.EXPIRED, phrases(transport.EXPIRED)),
    (Reason.SYSTEM, phrases(transport.SYSTEM)),
    (Reason.SYNTAX, phrases(transport.SYNTAX)),
)
#: Then it takes mail, but not from everybody.
_FROM_SOME = re.compile(
    r"accept mail from|service (?:here )?for (?:unknown|your|this|such|these|unauthori[sz]ed)"
)
#: With 5.4.1 it is Exchange Online's for an address that its directory does not hold.
_ACCESS_DENIED = "recipient address rejected: access denied"
#: Replies to these commands come before any content is seen, and speak of the one recipient.
_OF_RECIPIENT = frozenset({"RCPT", "VRFY"})
_OF_SENDER = frozenset({"MAIL", "EHLO", "HELO", "CONN"})
#: Said of the sender's address or host in reply to such a command.
_OF_ADDRESS = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.FILTERED})
_NOBODY = frozenset({"1.0", "1.1", "1.2", "1.3"})
_NO_HOST_CODES = frozenset({"1.2", "4.4"})
_VAGUE = frozenset(
    {
        Reason.UNKNOWN,
        Reason.FILTERED,
        Reason.NETWORK,
        Reason.POLICY,
        Reason.SECURITY,
        Reason.SYNTAX,
        Reason.SYSTEM,
    }
)


@lru_cache(maxsize=64)  # a report's recipients share most of its words
def reason_of_words(words: str, *, status: str = "", command: str = "") -> Reason:
    """Return what words say, read together with the code and the command they came with.

    ``UNKNOWN`` when they say nothing in particular.

    Args:
        words: What the other side said.
        status: Enhanced status code.
        command: The SMTP command that was refused, in capitals, where that is known.
    """
    said = _plain(words)
    code = status.partition(".")[2]
    refused = command in _OF_RECIPIENT or (code in _NOBODY and command not in _OF_SENDER)
    found = (
        _first(_MAILBOX, said)
        or (Reason.MAILBOX_FULL if _any(_ROOM, _unnamed(said)) else None)
        or _nobody(said, code=code, refused=refused)
        or (Reason.BLOCKED if _BLOCK_LISTS.search(words[:_LOOKED_AT].lower()) else None)
        or _first(_OTHERS, said)
        or _elsewhere(said, code=code)
        or _by_grammar(said, command=command, refused=refused)
        or Reason.UNKNOWN
    )
    if command in _OF_SENDER and found in _OF_ADDRESS:
        return Reason.SENDER_REJECTED
    return found


def reason_of_codes(*, status: str, reply: str, command: str) -> Reason:
    """Return what codes say where words say nothing; ``UNKNOWN`` when they do neither."""
    found = reason_of_reply(reply)
    if found is Reason.UNKNOWN:
        found = reason_of_status(status)
    if found is Reason.NO_MAIL_ACCEPTED and is_for_now(status, reply):
        return Reason.SYSTEM
    of_sender = command in _OF_SENDER and found in {*_VAGUE, Reason.USER_UNKNOWN}
    if of_sender:
        return Reason.SENDER_REJECTED if command == "MAIL" else Reason.BLOCKED
    return found


def speaks_of_nobody(words: str) -> bool:
    """Tell whether words may mean that nobody is there; they are used of much else."""
    return _AT_LAST.said_in(_plain(words))


def are_vague(*, status: str, command: str) -> bool:
    """Tell whether codes are so general that words further off are worth asking."""
    return command in _OF_SENDER or reason_of_status(status) in _VAGUE


def _plain(words: str) -> str:
    lower = " ".join(words[:_LOOKED_AT].replace("’", "'").lower().split())
    return _SAID_ANYWAY.sub(" ", _LINK.sub(" ", _ADDRESS.sub("@", lower)))


def _first(themes: tuple[tuple[Reason, Phrases], ...], said: str) -> Reason | None:
    return next((reason for reason, theme in themes if theme.said_in(said)), None)


def _nobody(said: str, *, code: str, refused: bool) -> Reason | None:
    """Return that the person or the host is unknown, where it is said outright."""
    if _NO_MAIL.said_in(said) and not _FROM_SOME.search(said) and not code.startswith("7."):
        return Reason.NO_MAIL_ACCEPTED
    if _FOR_SURE.said_in(said) or (code == "4.1" and _ACCESS_DENIED in said):
        return Reason.USER_UNKNOWN
    if refused and _PERHAPS.said_in(said) and not (_BLAMING.said_in(said) or _is_of_sender(said)):
        return Reason.USER_UNKNOWN
    of_host = code in _NO_HOST_CODES and (_HOST.said_in(said) or _any(_NO_HOST, said))
    if of_host and not _HOST_FOR_NOW.said_in(said):
        return Reason.HOST_UNKNOWN
    return None


def _elsewhere(said: str, *, code: str) -> Reason | None:
    """Return what remains to be said once nobody blames the sender."""
    named = _HOST.said_in(said)
    # Security (x.7.x) asks who sends: a host that is unknown then is the sender's.
    if _SENDER.said_in(said) or (named and (code.startswith("7.") or _is_of_sender(said))):
        return Reason.SENDER_REJECTED
    if named:
        return Reason.NETWORK if _HOST_FOR_NOW.said_in(said) else Reason.HOST_UNKNOWN
    if _FILTERED.said_in(said) or _PERHAPS.said_in(said):
        return Reason.FILTERED
    return _first(_WAY, said)


def _is_of_sender(said: str) -> bool:
    return _SENDER.said_in(said) or _any(_OF_US, _unnamed(said))


def _by_grammar(said: str, *, command: str, refused: bool) -> Reason | None:
    """Return what a clause amounts to that no phrase foresaw."""
    said = _unnamed(said)
    if _any(_OF_US, said):
        return Reason.SENDER_REJECTED
    if _UNWANTED.said_in(said) or _BLAMING.said_in(said):
        return Reason.BLOCKED
    if _any(_PERSON, said):
        return Reason.USER_UNKNOWN if refused else Reason.FILTERED
    # A server that answers knows its own domain: the unknown one is ours.
    if command in {"", "RCPT"} and not find_reply(said) and _any(_NO_HOST, said):
        return Reason.NETWORK if _HOST_FOR_NOW.said_in(said) else Reason.HOST_UNKNOWN
    return None


def _unnamed(said: str) -> str:
    """Put a mark for each host: the full stops in it end no clause, its labels are no words."""
    return _HOST_NAME.sub("#", said).replace("@", "thisaddress")


def _any(theme: tuple[Pairs, ...], said: str) -> bool:
    return any(one.said_in(said) for one in theme)
