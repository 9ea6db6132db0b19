"""Delivery status notifications (RFC 3464 in RFC 6522), also those that keep to it badly."""

from __future__ import annotations

import re

from subscribers.bounces.addresses import find_address
from subscribers.bounces.mail import Headers, Mail, read_headers
from subscribers.bounces.model import Report, ReportKind
from subscribers.bounces.refusal import Refusal, find_reply, find_status, judge_refusal

_KINDS = ("message/delivery-status", "message/global-delivery-status")
_RECIPIENTS = 200


def read_delivery_status(mail: Mail) -> Report | None:
    """Read the machine's part of a notification; None when there is none that names somebody."""
    blocks = [
        read_headers(block)
        for part in mail.of_kind(*_KINDS)
        for block in re.split(r"\n[ \t]*\n", part.text)[: 2 * _RECIPIENTS]
    ]
    refusals: list[Refusal] = []
    delayed = False
    for block in blocks[: 2 * _RECIPIENTS]:
        address = recipient_of(block)
        action = block.get("action").lower()
        if not address or action.startswith(("delivered", "relayed", "expanded", "deliverable")):
            continue
        delayed = delayed or action.startswith("delayed")
        kind, _, words = block.get("diagnostic-code").partition(";")
        words = words or kind
        refusals.append(
            Refusal(
                address=address,
                words=words,
                status=find_status(block.get("status")),
                reply=find_reply(words),
                program=kind.strip().lower() == "x-unix",
                expired=action.startswith("delayed"),
            )
        )
    if not refusals:
        return None
    return Report(
        kind=ReportKind.DELAY if delayed else ReportKind.BOUNCE,
        reader="delivery-status",
        recipients=tuple(judge_refusal(one) for one in refusals[:_RECIPIENTS]),
    )


def recipient_of(block: Headers) -> str:
    """Return the address we wrote to: the original one, unless it is of another type."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        kind, mark, value = block.get(name).partition(";")
        if mark and kind.strip().lower() not in {"rfc822", "utf-8", "unknown", ""}:
            continue
        address = find_address(value if mark else kind)
        if address:
            return address
    return ""
