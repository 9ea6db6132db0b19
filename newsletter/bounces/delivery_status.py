"""Delivery status notifications (RFC 3464 in RFC 6522), and rejections in the form of receipts.

Notifications that break the standard are read as well. A receipt (RFC 8098) normally confirms
that mail arrived, but Dovecot sends Sieve's ``reject`` (RFC 5429) in this form, for a full mailbox
among others. The mailbox exists then, so such a rejection is never hard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from newsletter.bounces.addresses import RECIPIENTS, find_address
from newsletter.bounces.bounce_text import BounceText
from newsletter.bounces.mail import Headers, read_headers
from newsletter.bounces.model import Reason, Report, ReportedRecipient, ReportKind
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.bounces.replies import find_reply, find_status
from newsletter.bounces.tables import reason_of_exit, reason_of_powermta
from newsletter.bounces.unstructured import is_composed

_KINDS = ("message/delivery-status", "message/global-delivery-status")
_RECIPIENT_FIELDS = ("original-recipient", "final-recipient", "x-actual-recipient")
#: Address types (RFC 3464 section 2.1.1) whose addresses have the form of an email address.
_MAILBOX_TYPES = frozenset({"rfc822", "utf-8", "unknown", "smtp", "dns", ""})
_SUCCESS = ("delivered", "relayed", "expanded", "deliverable")
_SUPPLEMENT = re.compile(r"<?[^<>#;]{0,200}(?:#[\d.]{1,12}\s{1,4})?([\w-]{1,12};.*)", re.DOTALL)
_FIELD = re.compile(
    r"^[ \t]{0,8}(?:final|original)-recipient[ \t]{0,4}:", re.IGNORECASE | re.MULTILINE
)


def read_delivery_status(bounce: BounceText) -> Report | None:
    """Read the machine-readable part of a notification; return None if there is none."""
    blocks = [block for block in _blocks(bounce) if _names_recipient(block)][:RECIPIENTS]
    if not blocks or any(bounce.mail.of_kind("message/disposition-notification")):
        return None
    failed = [block for block in blocks if not _action(block).startswith(_SUCCESS)]
    if not failed:
        return Report(kind=ReportKind.OTHER, reader="delivery-status")
    reached = {_address(block) for block in blocks if block not in failed} - {""}
    by_address: dict[str, ReportedRecipient] = {}
    for address, block in zip(_addresses(failed, bounce), failed, strict=True):
        if address in reached:
            continue
        classified = classify_refusal(_refusal(block, address, bounce))
        # An alias can have several recipients. It works while any of them does.
        if address not in by_address or (by_address[address].hard and not classified.hard):
            by_address[address] = classified
    if not by_address:
        return Report(kind=ReportKind.OTHER, reader="delivery-status")
    delayed = all(_action(block).startswith("delayed") for block in failed)
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader="delivery-status",
        recipients=tuple(by_address.values()),
    )


def _blocks(bounce: BounceText) -> Iterator[Headers]:
    """Yield the groups of fields, one for each recipient.

    Some systems write the fields into the text. Mail by a person or a list may only quote a
    notice, so its text is not searched.
    """
    texts = [part.text for part in bounce.mail.of_kind(*_KINDS)]
    if not any(_FIELD.search(text) for text in texts) and not is_composed(bounce):
        texts.extend(
            part.text
            for part in bounce.mail.parts
            if not part.is_returned and _FIELD.search(part.text)
        )
    for text in texts:
        outdented = re.sub(r"^[ \t]{1,8}(?=[A-Za-z-]{3,40}:)", "", text, flags=re.MULTILINE)
        for block in re.split(r"\n[ \t]*\n", outdented)[: 4 * RECIPIENTS]:
            yield from _each_recipient(read_headers(block))


def _each_recipient(block: Headers) -> Iterator[Headers]:
    """Split fields at each further recipient: some systems leave no empty line in between."""
    group: list[tuple[str, str]] = []
    for name, value in block.fields:
        again = name in _RECIPIENT_FIELDS and any(
            name == other and value != theirs for other, theirs in group
        )
        if again:
            # Original-Recipient precedes Final-Recipient, so it may belong to the next recipient.
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


def _addresses(blocks: list[Headers], bounce: BounceText) -> list[str]:
    """Return the address of each block; where a block has none, one from the rest of the bounce."""
    addresses = [_address(block) for block in blocks]
    spare = [one for one in (*bounce.recipients, *bounce.original.to) if one not in addresses]
    return [one or (spare.pop(0) if spare else "") for one in addresses]


def _address(block: Headers) -> str:
    """Return the address that we wrote to: the original one, unless its type is not a mailbox."""
    for name in _RECIPIENT_FIELDS:
        kind, mark, value = block.get(name).partition(";")
        if mark and kind.strip().lower() not in _MAILBOX_TYPES:
            continue
        address = find_address(value if mark else kind)
        if address:
            return address
    return ""


def _verdict(block: Headers, kind: str, words: str) -> Reason | None:
    """Return the reason that a single field states beyond doubt."""
    if kind.strip().lower() == "x-unix":
        return reason_of_exit(words.strip())
    return reason_of_powermta(block.get("x-powermta-bouncecategory").strip())


def _supplement(block: Headers) -> str:
    """Return the reply in Microsoft's and IronPort's field: ``<host #5.1.1 smtp;550 …>``."""
    value = block.get("x-supplementary-info").strip()
    match = _SUPPLEMENT.match(value)
    return match[1].rstrip("> ") if match is not None else value.strip("<> ")


def _refusal(block: Headers, address: str, bounce: BounceText) -> Refusal:
    supplement = _supplement(block)
    diagnostic = block.get("diagnostic-code") or supplement
    kind, mark, words = diagnostic.partition(";")
    if not mark or " " in kind.strip():
        kind, words = "", diagnostic
    action = _action(block)
    stated = find_status(words)
    given = find_status(block.get("status"))
    refusal = bounce.refusal(address, diagnostic=words)
    # "Status: 5.0.0 (…)", "Status: 553 …", "Action: failed (…)": the comments explain more.
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
        status=stated if stated and not stated.endswith(".0.0") else given or stated,
        reply=find_reply(words) or find_reply(block.get("status")),
        program=kind.strip().lower() == "x-unix",
        verdict=_verdict(block, kind, words) or refusal.verdict,
        late=action.startswith(("delayed", "expired")),
    )


_BLOCKS = 8
_DELETED = re.compile(
    r"mdn-sent-automatically\s{0,4};\s{0,4}(?:deleted|failed|denied)", re.IGNORECASE
)
_REJECTED = re.compile(
    r"\b(?:was|were|been) (?:automatically )?(?:rejected|refused)|\brejected (?:mail|message)"
    r"|^rejected:",
    re.IGNORECASE,
)


def read_rejection(bounce: BounceText) -> Report | None:
    """Read a receipt that reports a rejection; return None if the mail is not one."""
    part = next(bounce.mail.of_kind("message/disposition-notification"), None)
    if part is None:
        return None
    blocks = (read_headers(block) for block in part.text.split("\n\n", _BLOCKS))
    fields = next((block for block in blocks if "disposition" in block), Headers())
    words = f"{bounce.mail.subject}\n{bounce.text}"
    if not _DELETED.search(fields.get("disposition")) or not _REJECTED.search(words):
        return None
    names = ("original-recipient", "final-recipient")
    address = next(filter(None, (find_address(fields.get(name)) for name in names)), "")
    if not address:
        return None
    classified = classify_refusal(bounce.refusal(address))
    return Report(
        kind=ReportKind.BOUNCE,
        reader="rejection",
        recipients=(_softened(classified),),
    )


def _softened(classified: ReportedRecipient) -> ReportedRecipient:
    is_vague = classified.hard or classified.reason is Reason.UNKNOWN
    return replace(classified, hard=False, reason=Reason.FILTERED) if is_vague else classified
