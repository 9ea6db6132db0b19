"""Refusals that speak of the sender: whether a relay refuses one message, or all of ours.

A relay that was reconfigured, or whose filter or quota stops us, answers every RCPT or message with
5xx. Taken for each recipient's, such answers end a whole mailing that nobody got, for good. So a
refusal for a reason that is not the recipient's waits until the next message is accepted; many in a
row are put off as if they had been answered with 4xx.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from newsletter.bounces.model import PERMANENT, Reason
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.database.vocabulary import DeliveryState
from newsletter.mailings.ledger.outcomes import Outcome

#: So many in a row are no chance; nor are several with which a batch ends. One or two alone are a
#: test or a notice, whose author wants to know.
_MANY, _SEVERAL = 20, 3
_OF_THE_MAILBOX = frozenset({Reason.SUSPENDED, Reason.MAILBOX_FULL})
#: RFC 3463 section 3.8: about rights and policy, as a quota of the sender's is.
_POLICY = "5.7."


class Refusals:
    """The refusals of a batch by one relay that wait for what becomes of the next message.

    Attributes:
        words: What the relay says to all, once it refused many in a row.

    Args:
        known: Whether it was known to refuse all when its turn came, until it accepts one.
    """

    def __init__(self, *, known: bool = False) -> None:
        self.words = ""
        self._known = known
        self._waiting: list[Outcome] = []
        self._has_accepted = False

    def note(self, outcome: Outcome, *, address: str) -> Sequence[Outcome]:
        """Take note of an outcome; return those that are certain now."""
        if outcome.state is DeliveryState.ACCEPTED:
            self._has_accepted = True
            waiting, self._waiting = self._waiting, []
            if self._known:
                waiting, self._known = [put_off(each) for each in waiting], False
            return [*waiting, outcome]
        if outcome.state is not DeliveryState.REJECTED or not _speaks_of_us(outcome, address):
            return [outcome]
        self._waiting.append(outcome)
        if len(self._waiting) < _MANY and not self.words:
            return []
        return self.end(known=True)

    @property
    def are_open(self) -> bool:
        """Whether some wait."""
        return bool(self._waiting)

    def end(self, *, more: bool = False, known: bool = False) -> Sequence[Outcome]:
        """Return what is to be taken of those that wait, as no other message follows now.

        Args:
            more: Whether some of the batch are left for later, which may be accepted.
            known: Whether the relay refuses all, as others were told just before.
        """
        waiting, self._waiting = self._waiting, []
        if known and waiting:
            self.words = waiting[-1].reply
        # Whoever was put off before, by a relay that accepts nothing still, is so again.
        again = not self._has_accepted and any(outcome.attempts > 1 for outcome in waiting)
        is_ours = self.words or more or again or len(waiting) >= _SEVERAL
        return [put_off(each) for each in waiting] if is_ours else waiting


def put_off(outcome: Outcome) -> Outcome:
    """Return a refusal as one that is tried again."""
    return replace(outcome, state=DeliveryState.DEFERRED)


def _speaks_of_us(outcome: Outcome, address: str) -> bool:
    """Whether a refusal is not for a reason of the recipient's."""
    said = Refusal(
        address=address,
        words=(outcome.reply,),
        status=outcome.status,
        reply=str(outcome.code),
        command=outcome.command,
    )
    reason = classify_refusal(said).reason
    of_mailbox = reason in _OF_THE_MAILBOX and not outcome.status.startswith(_POLICY)
    return outcome.code > 0 and reason not in PERMANENT and not of_mailbox
