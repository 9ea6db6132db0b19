"""A refusal of one recipient, and the reason that follows from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from newsletter.bounces.addresses import Parties
from newsletter.bounces.model import PERMANENT, Reason, ReportedRecipient
from newsletter.bounces.reasons import (
    codes_are_vague,
    contradicts_code,
    is_ambiguous_denial,
    is_gone_for_good,
    may_deny_recipient,
    reason_of_codes,
    reason_of_words,
)
from newsletter.bounces.replies import find_reply, find_status, unwrap
from newsletter.bounces.tables import is_for_now

_WORDS_KEPT = 600
#: Codes that never answer DATA (RFC 5321 section 4.3.2).
_OF_RECIPIENT = frozenset({"551", "553"})
#: Reasons that prove that the mailbox exists.
_OF_MAILBOX = frozenset({Reason.MAILBOX_FULL, Reason.MESSAGE_TOO_BIG, Reason.SUSPENDED})
_OF_SENDING = re.compile(r"5\.7\.\d{3}")
#: RFC 5321 section 4.2.3: the mailbox is refused, not the message or the session.
_REFUSES_MAILBOX = frozenset({"550", "551", "553"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """All statements about one address.

    Attributes:
        words: The statements about this address, the nearest first.
        around: Other text of the bounce, used if neither words nor codes are clear.
        command: The SMTP command that was refused, in capitals; empty when unknown.
        program: A local program refused, not an SMTP server (``Diagnostic-Code: x-unix``).
        late: The message is called delayed or expired.
        verdict: The reason, if the form of the bounce alone determines it.
        ours: The sender's addresses and domains in lower case (`Parties.ours`).
        forwarded_to: The addresses that the recipient's mail was forwarded to, in lower case.
    """

    address: str
    words: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    status: str = ""
    reply: str = ""
    command: str = ""
    program: bool = False
    late: bool = False
    verdict: Reason | None = None
    ours: frozenset[str] = frozenset()
    forwarded_to: frozenset[str] = frozenset()

    @property
    def parties(self) -> Parties:
        """The recipient and the sender, whose addresses and domains the text may quote."""
        return Parties(recipient=self.address, ours=self.ours, forwarded_to=self.forwarded_to)


def classify_refusal(refusal: Refusal) -> ReportedRecipient:
    """Return the recipient with the reason of the refusal."""
    refusal = _unwrapped(refusal)
    statements = [words for words in refusal.words if words.strip()]
    around = [words for words in refusal.around if words.strip()]
    status = refusal.status
    if not status or status.endswith(".0.0"):
        status = _first(find_status, (*statements, *around)) or status
    reply = refusal.reply or _first(find_reply, (*statements, *around))
    command = refusal.command or ("RCPT" if reply in _OF_RECIPIENT else "")
    by_code = reason_of_codes(status=status, reply=reply, command=command)
    find = partial(reason_of_words, status=status, command=command, parties=refusal.parties)
    reason, words = _by_words(partial(find, near=True), statements)
    if reason is Reason.FILTERED and find(words, command="RCPT") in PERMANENT:
        # The denial was not believed, for example that of a carrier. Other statements may be
        # clearer.
        reason, words = next(
            ((other, one) for one in statements if (other := find(one, near=True)) in PERMANENT),
            (reason, words),
        )
    if reason in PERMANENT and not command and not find_reply(words):
        # A system's own sentence without a reply: a more particular statement below it wins.
        reason, words = next(
            ((other, one) for one in statements if (other := find(one)) in _OF_MAILBOX),
            (reason, words),
        )
    if reason is Reason.UNKNOWN and codes_are_vague(status=status, command=command):
        reason, words = _by_words(find, around)
    if reason is Reason.UNKNOWN:
        reason, words = by_code, next(iter((*statements, *around)), "")
        denial = next((one for one in statements if may_deny_recipient(one, refusal.parties)), "")
        if denial and reason in {Reason.UNKNOWN, Reason.FILTERED, Reason.SYNTAX}:
            plain = not command and reply in _REFUSES_MAILBOX
            plain = plain and not is_ambiguous_denial(denial, refusal.parties)
            reason = Reason.USER_UNKNOWN if command == "RCPT" or plain else Reason.FILTERED
        if reason in PERMANENT and any(
            contradicts_code(one, refusal.parties) for one in statements
        ):
            reason = Reason.FILTERED
    if refusal.verdict is not None:
        reason = refusal.verdict
    elif reason is Reason.UNKNOWN and (refusal.program or refusal.late):
        reason = Reason.SYSTEM if refusal.program else Reason.EXPIRED
    return ReportedRecipient(
        address=refusal.address,
        hard=reason in PERMANENT and (not is_for_now(status, reply) or _is_final(words, refusal)),
        reason=reason,
        status=status,
        reply=reply,
        words=" ".join(words.split())[:_WORDS_KEPT],
    )


def _is_final(words: str, refusal: Refusal) -> bool:
    """Return whether a later attempt cannot succeed, although the code is temporary.

    Either DNS denies the whole name (RFC 2308, 1; Gmail gives up at once, with 4.0.0), which is
    different from a server that does not answer. Or the mailbox was removed for good.
    """
    if refusal.late:
        return False
    return "nxdomain" in words.lower() or is_gone_for_good(words, refusal.parties)


def _unwrapped(refusal: Refusal) -> Refusal:
    """Return a refusal with the next host's reply in place of the gateway's summary of it."""
    inner = [unwrap(words) for words in refusal.words]
    at = next((i for i, words in enumerate(refusal.words) if inner[i][0] != words), -1)
    if at < 0:
        return refusal
    reply, command = inner[at]
    return replace(
        refusal,
        words=tuple(words for words, _ in inner),
        around=(),
        # Exchange Online's own finding about the sender takes precedence over the next host's
        # reply.
        status=refusal.status if _OF_SENDING.fullmatch(refusal.status) else find_status(reply),
        reply=find_reply(reply) or refusal.reply,
        command=refusal.command or command,
    )


def _by_words(find: Callable[[str], Reason], statements: Iterable[str]) -> tuple[Reason, str]:
    for words in statements:
        reason = find(words)
        if reason is not Reason.UNKNOWN:
            return reason, words
    return Reason.UNKNOWN, ""


def _first(find: Callable[[str], str], texts: Iterable[str]) -> str:
    return next(filter(None, map(find, texts)), "")
