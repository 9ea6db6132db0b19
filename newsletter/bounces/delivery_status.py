"""Delivery status notifications (RFC 3464 in RFC 6522), also those that keep to it badly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.dialogue import find_reply, find_status
from newsletter.bounces.mail import Headers, read_headers
from newsletter.bounces.model import Reason, Report, ReportKind
from newsletter.bounces.notice import Notice
from newsletter.bounces.refusal import Refusal, judge

_KINDS = ("message/delivery-status", "message/global-delivery-status")
_RECIPIENT_FIELDS = ("original-recipient", "final-recipient", "x-actual-recipient")
#: Address types (RFC 3464 section 2.1.1) whose addresses are mailboxes as we know them.
_MAILBOX_TYPES = frozenset({"rfc822", "utf-8", "unknown", "smtp", "dns", ""})
_SUCCESS = ("delivered", "relayed", "expanded", "deliverable")
#: PowerMTA's own field: it saw the whole dialogue.
_CATEGORIES = {
    "bad-domain": Reason.HOST_UNKNOWN,
    "bad-mailbox": Reason.USER_UNKNOWN,
    "inactive-mailbox": Reason.SUSPENDED,
    "invalid-sender": Reason.SENDER_REJECTED,
    "message-expired": Reason.EXPIRED,
    "no-answer-from-host": Reason.NETWORK,
    "policy-related": Reason.POLICY,
    "quota-issues": Reason.MAILBOX_FULL,
    "relaying-issues": Reason.RELAYING_DENIED,
    "routing-errors": Reason.SYSTEM,
    "spam-related": Reason.SPAM,
    "virus-related": Reason.SECURITY,
}
#: How local programs end (sysexits.h): EX_NOUSER and EX_NOHOST.
_EXITS = {"67": Reason.USER_UNKNOWN, "68": Reason.HOST_UNKNOWN}
_SUPPLEMENT = re.compile(r"<?[^<>#;]{0,200}(?:#[\d.]{1,12}\s{1,4})?([\w-]{1,12};.*)", re.DOTALL)
_FIELD = re.compile(
    r"^[ \t]{0,8}(?:final|original)-recipient[ \t]{0,4}:", re.IGNORECASE | re.MULTILINE
)


def read_delivery_status(notice: Notice) -> Report | None:
    """Read the machine's part of a notification; None when there is none."""
    blocks = [block for block in _blocks(notice) if _names_recipient(block)][:RECIPIENTS]
    if not blocks or any(notice.mail.of_kind("message/disposition-notification")):
        return None
    failed = [block for block in blocks if not _action(block).startswith(_SUCCESS)]
    if not failed:
        return Report(kind=ReportKind.OTHER, reader="delivery-status")
    by_address: dict[str, Headers] = {}
    for address, block in zip(_addresses(failed, notice), failed, strict=True):
        by_address.setdefault(address, block)
    refusals = [_refusal(block, address, notice) for address, block in by_address.items()]
    delayed = all(_action(block).startswith("delayed") for block in failed)
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader="delivery-status",
        recipients=tuple(judge(one) for one in refusals),
    )


def _blocks(notice: Notice) -> Iterator[Headers]:
    """Give the groups of fields, one a recipient; some systems write them into the text."""
    texts = [part.text for part in notice.mail.of_kind(*_KINDS)]
    if not any(_FIELD.search(text) for text in texts):
        texts.extend(
            part.text
            for part in notice.mail.parts
            if not part.is_returned and _FIELD.search(part.text)
        )
    for text in texts:
        outdented = re.sub(r"^[ \t]{1,8}(?=[A-Za-z-]{3,40}:)", "", text, flags=re.MULTILINE)
        for block in re.split(r"\n[ \t]*\n", outdented)[: 4 * RECIPIENTS]:
            yield from _each_recipient(read_headers(block))


def _each_recipient(block: Headers) -> Iterator[Headers]:
    """Divide fields at each further recipient, for systems that leave no empty line between."""
    group: list[tuple[str, str]] = []
    for name, value in block.fields:
        again = name in _RECIPIENT_FIELDS and any(
            name == other and value != theirs for other, theirs in group
        )
        if again:
            # Original-Recipient stands before Final-Recipient: it may be the next one's already.
            at = len(group)
            while at and group[at - 1][0] in _RECIPIENT_FIELDS:
                at -= 1
            if at:
                yield Headers(tuple(group[:at]))
                group = group[at:]
        group.append((name, value))
    yield Headers(tuple(group))


def _names_recipient(block: Headers) -> bool:
    return any(name in block for name in _RECIPIENT_FIELDS)


def _action(block: Headers) -> str:
    return block.get("action").strip().lower()


def _addresses(blocks: list[Headers], notice: Notice) -> list[str]:
    """Return whom each block is about; the notice helps where a block hides it."""
    found = [_address(block) for block in blocks]
    spare = [one for one in (*notice.recipients, *notice.original.to) if one not in found]
    return [one or (spare.pop(0) if spare else "") for one in found]


def _address(block: Headers) -> str:
    """Return the address that we wrote to: the original one, unless it is of another type."""
    for name in _RECIPIENT_FIELDS:
        kind, mark, value = block.get(name).partition(";")
        if mark and kind.strip().lower() not in _MAILBOX_TYPES:
            continue
        address = find_address(value if mark else kind)
        if address:
            return address
    return ""


def _verdict(block: Headers, kind: str, words: str) -> Reason | None:
    """Return what a field by itself says for sure."""
    if kind.strip().lower() == "x-unix":
        return _EXITS.get(words.strip())
    return _CATEGORIES.get(block.get("x-powermta-bouncecategory").strip())


def _supplement(block: Headers) -> str:
    """Return the reply in Microsoft's and IronPort's field: ``<host #5.1.1 smtp;550 …>``."""
    value = block.get("x-supplementary-info").strip()
    match = _SUPPLEMENT.match(value)
    return match[1].rstrip("> ") if match is not None else value.strip("<> ")


def _refusal(block: Headers, address: str, notice: Notice) -> Refusal:
    supplement = _supplement(block)
    diagnostic = block.get("diagnostic-code") or supplement
    kind, mark, words = diagnostic.partition(";")
    if not mark or " " in kind.strip():
        kind, words = "", diagnostic
    action = _action(block)
    told = find_status(words)
    given = find_status(block.get("status"))
    refusal = notice.refusal(address, diagnostic=words)
    # "Status: 5.0.0 (…)", "Status: 553 …", "Action: failed (…)": comments that say more.
    comments = f"{block.get('status')} {block.get('action')}"
    refusal = replace(
        refusal,
        words=(*refusal.words, supplement.partition(";")[2]),
        forwarded_to=frozenset(
            find_address(block.get(name)).lower() for name in _RECIPIENT_FIELDS if name in block
        ),
        around=(comments, *refusal.around),
    )
    if "smtp transmission failure" in block.get("status").lower():
        refusal = replace(refusal, command="DATA")
    elif "rejected address" in block.get("status").lower():
        refusal = replace(refusal, command="RCPT")
    return replace(
        refusal,
        status=told if told and not told.endswith(".0.0") else given or told,
        reply=find_reply(words) or find_reply(block.get("status")),
        program=kind.strip().lower() == "x-unix",
        verdict=_verdict(block, kind, words) or refusal.verdict,
        late=action.startswith(("delayed", "expired")),
    )
