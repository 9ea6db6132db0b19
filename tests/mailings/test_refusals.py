"""What a relay's refusal says of an address is read as a notice of it would be."""

from __future__ import annotations

import pytest

from newsletter.database.vocabulary import BounceKind, DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome
from newsletter.mailings.ledger.recording import _bounce

OURS = frozenset({"news@example.jp", "bounces@example.jp"})


@pytest.mark.parametrize(
    ("reply", "status", "kind", "reason"),
    [
        ("550 5.1.1 No such user", "5.1.1", BounceKind.HARD, "user-unknown"),
        ("550 5.1.1 The mailbox is full", "5.1.1", BounceKind.SOFT, "mailbox-full"),
        ("550 5.1.8 Sender domain does not exist", "5.1.8", BounceKind.SOFT, "sender-rejected"),
        ("550 5.1.1 <news@example.jp> unknown", "5.1.1", BounceKind.SOFT, "sender-rejected"),
        ("553 example.jp does not exist", "", BounceKind.SOFT, "sender-rejected"),
        ("550 5.2.1 The account is disabled", "5.2.1", BounceKind.SOFT, "suspended"),
        ("554 5.7.1 blocked using zen.spamhaus.org", "5.7.1", BounceKind.SOFT, "blocked"),
    ],
)
def test_a_refusal_while_sending(reply: str, status: str, kind: BounceKind, reason: str) -> None:
    outcome = Outcome(position=1, state=DeliveryState.REJECTED, status=status, reply=reply)
    row = _bounce(outcome, "reader@example.com", OURS)
    assert (row["kind"], row["reason"]) == (kind, reason)


@pytest.mark.parametrize(
    ("command", "kind"),
    [("RCPT", BounceKind.HARD), ("DATA", BounceKind.SOFT), ("MAIL", BounceKind.SOFT)],
)
def test_without_a_status_it_counts_what_was_refused(command: str, kind: BounceKind) -> None:
    outcome = Outcome(
        position=1, state=DeliveryState.REJECTED, reply="550 No such user here", command=command
    )
    assert _bounce(outcome, "reader@example.com", OURS)["kind"] == kind
