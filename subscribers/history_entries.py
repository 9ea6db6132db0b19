"""Entries of a person's history, their names, and positions for paging."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, literal, or_

from newsletter.accounts.actors import name_actor
from newsletter.accounts.audit_actions import Action
from newsletter.database.types import UtcDateTime
from newsletter.database.vocabulary import UnsubscribeWay
from newsletter.i18n.messages import Message, msg, pmsg, written
from newsletter.i18n.values import Worded
from newsletter.rendering.notices import NoticeTemplate
from subscribers.address_changes import BY_ADDRESS_CHANGE
from subscribers.joining import (
    BASIS,
    BY_HAND,
    BY_MAIL,
    CONFIRMATION_MAIL,
    OWN_PAGE,
    PREFERENCES_PAGE,
)
from subscribers.subscription_columns import CHOSEN, LABELS


class HistoryKind(StrEnum):
    """The kind of an entry."""

    CONSENT = "consent"
    LEFT = "left"
    MAIL = "mail"
    BOUNCE = "bounce"
    SUPPRESSION = "suppression"
    CHANGE = "change"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """An event in a person's history.

    Attributes:
        source: The number of its source, by which entries with the same time are ordered.
        number: Its id within the source.
        details: Further details: the actor, the network, the relay's reply.
        mailing_id: The mailing concerned, if any.
    """

    at: datetime
    source: int
    number: int
    kind: HistoryKind
    what: Message
    details: Sequence[Message] = ()
    mailing_id: int | None = None

    @property
    def mark(self) -> HistoryPosition:
        """The entry's position."""
        return HistoryPosition(at=self.at, source=self.source, number=self.number)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class HistoryPosition:
    """A position in a history; older entries come after it."""

    at: datetime
    source: int
    number: int

    def older(
        self, at: SQLColumnExpression[datetime], source: int, number: SQLColumnExpression[int]
    ) -> ColumnElement[bool]:
        """Return the condition that a row of a source comes after this position."""
        moment = literal(self.at, UtcDateTime())
        same = number < self.number if source == self.source else literal(source < self.source)
        return or_(at < moment, and_(at == moment, same))

    def encode(self) -> str:
        """Return the position as text for URLs."""
        text = f"{self.at.isoformat()} {self.source} {self.number}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> HistoryPosition | None:
        """Return the position that `encode` wrote; None for other texts."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            at, source, number = urlsafe_b64decode(padded).decode().split(" ")
            mark = cls(at=datetime.fromisoformat(at), source=int(source), number=int(number))
        except (ValueError, binascii.Error):
            return None
        fits = mark.at.tzinfo is not None and abs(mark.number) < 2**62
        return mark if fits else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person in a newsletter, whose history is read.

    Attributes:
        others: The merged subscribers with their addresses, whose events are included.
        colleagues: The names of the staff by address.
    """

    newsletter_id: int
    subscriber_id: int
    others: Mapping[int, str] = field(default_factory=dict)
    colleagues: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> Sequence[int]:
        """The ids of the person and the merged subscribers."""
        return (self.subscriber_id, *self.others)

    def at_address(self, number: int) -> list[Message]:
        """Return the merged address concerned as a detail; empty for the present address."""
        address = self.others.get(number)
        return [msg("At the address {address}", address=address)] if address else []

    def actor(self, recorded: str) -> Message:
        """Return the display name of an actor."""
        return name_actor(recorded, self.colleagues)

    def by(self, recorded: str) -> Message:
        """Return the actor as a detail of an entry."""
        return msg("By: {actor}", actor=self.actor(recorded))


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """A page of entries; ``after`` is the position of the next page, None at the end."""

    entries: Sequence[HistoryEntry]
    after: HistoryPosition | None


#: The names of notices, which have no title, by `MailingRow.notice`.
NOTICE_NAMES: Mapping[str, Message] = {
    NoticeTemplate.CONFIRMATION: pmsg("mail", "Confirm your subscription"),
    NoticeTemplate.SETTINGS_LINK: pmsg("mail", "Your subscription"),
    NoticeTemplate.ADDRESS_CHANGE: pmsg("mail", "Confirm your new address"),
    NoticeTemplate.ADDRESS_CHANGED: pmsg("mail", "Your address was changed"),
}
WAY_NAMES: Mapping[UnsubscribeWay, Message] = {
    UnsubscribeWay.ONE_CLICK: msg("By one click in a mail program"),
    UnsubscribeWay.PAGE: msg("On the page behind a link"),
    UnsubscribeWay.MAIL: msg("By a mail"),
    UnsubscribeWay.API: msg("By the API"),
    UnsubscribeWay.OPERATOR: msg("By the staff"),
    UnsubscribeWay.COMPLAINT: msg("By a complaint"),
    UnsubscribeWay.PROVIDER: msg("At the provider that sends"),
    UnsubscribeWay.LIST: msg("By an imported list"),
    UnsubscribeWay.ADDRESS_CHANGE: msg("By a change of address"),
    UnsubscribeWay.MERGE: msg("Merged with another person"),
}
#: The names of settings that readers or the staff can change, besides the newsletter's fields.
SETTING_NAMES: Mapping[str, Worded] = {
    **{name: LABELS[name] for name in CHOSEN},
    "tags": msg("Tags"),
    "paused_until": pmsg("setting", "Pause"),
}
#: The audit entries in a person's history; events with a table of their own are not among them.
EVENT_NAMES = {
    Action.SUBSCRIBER_ADD: msg("Added by hand"),
    Action.SUBSCRIBER_EDIT: msg("Edited"),
    Action.SUBSCRIBER_LIFT: msg("Suppression lifted"),
    Action.SUBSCRIBER_PREFERENCES: msg("Preferences changed by the reader"),
    Action.SUBSCRIBER_SUPPRESS: msg("Suppressed by the staff"),
    Action.SUBSCRIBER_UNSUBSCRIBE: msg("Unsubscribed by the staff"),
}


#: The names of sources of consent, by their stored code.
ORIGINS: Mapping[str, Message] = {
    BASIS: msg("Confirmed by a mailed link (double opt-in)"),
    OWN_PAGE: msg("Agreed on the reader’s own page, opened by a link from a mail to the address"),
    BY_HAND: msg("Entered by hand"),
    PREFERENCES_PAGE: msg("Settings page of a reader"),
    CONFIRMATION_MAIL: msg("Link in the confirmation mail"),
}
#: The same for codes that end with a name, by their beginning.
NAMED_ORIGINS: Mapping[str, Callable[[str], Message]] = {
    BY_MAIL: lambda address: msg("Mail to {address}", address=address),
    BY_ADDRESS_CHANGE: lambda number: msg("Change of address {number}", number=number),
}


def origin_words(recorded: str) -> Message:
    """Return the text for a basis or source of consent; texts by a list or the staff unchanged."""
    if recorded in ORIGINS:
        return ORIGINS[recorded]
    for begin, named in NAMED_ORIGINS.items():
        if recorded.startswith(begin):
            return named(recorded.removeprefix(begin))
    return written(recorded)
