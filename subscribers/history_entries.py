"""What a person's history is made of: entries, what they are called, and their places in it."""

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


class HistoryKind(StrEnum):
    """What an entry is about; a page may mark each in its own way."""

    CONSENT = "consent"
    LEFT = "left"
    MAIL = "mail"
    BOUNCE = "bounce"
    SUPPRESSION = "suppression"
    CHANGE = "change"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryEntry:
    """Something that happened.

    Attributes:
        source: The number of its source, by which entries of one instant are in order.
        number: Its number within the source.
        details: What else is known of it: who, from where, the relay's words.
        mailing_id: The mailing that it is about, if about one.
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
        """Where a page ends whose last entry it is."""
        return HistoryPosition(at=self.at, source=self.source, number=self.number)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class HistoryPosition:
    """A place in a history: entries older than it come after it."""

    at: datetime
    source: int
    number: int

    def older(
        self, at: SQLColumnExpression[datetime], source: int, number: SQLColumnExpression[int]
    ) -> ColumnElement[bool]:
        """Return the condition that a row of a source comes after this place."""
        moment = literal(self.at, UtcDateTime())
        same = number < self.number if source == self.source else literal(source < self.source)
        return or_(at < moment, and_(at == moment, same))

    def encode(self) -> str:
        """Return it as an address carries it."""
        text = f"{self.at.isoformat()} {self.source} {self.number}"
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> HistoryPosition | None:
        """Return what `encode` wrote; None for anything else."""
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
    """Whose history is read, and with which newsletter.

    Attributes:
        others: Who was merged into them, with their addresses: what is recorded of those is theirs.
        colleagues: The staff's names by their addresses.
    """

    newsletter_id: int
    subscriber_id: int
    others: Mapping[int, str] = field(default_factory=dict)
    colleagues: Mapping[str, str] = field(default_factory=dict)

    @property
    def numbers(self) -> Sequence[int]:
        """Their own number and those of the others."""
        return (self.subscriber_id, *self.others)

    def at_address(self, number: int) -> list[Message]:
        """Return by which other address of theirs something happened, if by one."""
        address = self.others.get(number)
        return [msg("At the address {address}", address=address)] if address else []

    def actor(self, recorded: str) -> Message:
        """Return what whoever did something is called."""
        return name_actor(recorded, self.colleagues)

    def by(self, recorded: str) -> Message:
        """Return who did something, as a detail of it."""
        return msg("By: {actor}", actor=self.actor(recorded))


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryPage:
    """Some entries; ``after`` is where the next page begins, None at the end."""

    entries: Sequence[HistoryEntry]
    after: HistoryPosition | None


#: By which ways people leave.
#: What notices are called, which have no title; by `MailingRow.notice`.
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
#: What of a person is theirs or the staff's to change, besides the newsletter's own fields.
SETTING_NAMES: Mapping[str, Worded] = {
    "name": msg("Name"),
    "language": msg("Language"),
    "format": msg("Form of the mail"),
    "time_zone": msg("Time zone"),
    "frequency": pmsg("reader", "How often"),
    "tags": msg("Tags"),
    "paused_until": pmsg("setting", "Pause"),
}
#: What of the audit log belongs to a person's history; what has a row of its own does not.
EVENT_NAMES = {
    Action.SUBSCRIBER_ADD: msg("Added by hand"),
    Action.SUBSCRIBER_EDIT: msg("Edited"),
    Action.SUBSCRIBER_LIFT: msg("Suppression lifted"),
    Action.SUBSCRIBER_PREFERENCES: msg("Preferences changed by the reader"),
    Action.SUBSCRIBER_SUPPRESS: msg("Suppressed by the staff"),
    Action.SUBSCRIBER_UNSUBSCRIBE: msg("Unsubscribed by the staff"),
}


#: By the code that the consent record keeps.
ORIGINS: Mapping[str, Message] = {
    BASIS: msg("Confirmed by a mailed link (double opt-in)"),
    OWN_PAGE: msg("Agreed on the reader’s own page, opened by a link from a mail to the address"),
    BY_HAND: msg("Entered by hand"),
    PREFERENCES_PAGE: msg("Settings page of a reader"),
    CONFIRMATION_MAIL: msg("Link in the confirmation mail"),
}
#: The same of what ends in a name, by how it begins.
NAMED_ORIGINS: Mapping[str, Callable[[str], Message]] = {
    BY_MAIL: lambda address: msg("Mail to {address}", address=address),
    BY_ADDRESS_CHANGE: lambda number: msg("Change of address {number}", number=number),
}


def origin_words(recorded: str) -> Message:
    """Return what a basis or source of consent says; what a list or the staff wrote as it is."""
    if recorded in ORIGINS:
        return ORIGINS[recorded]
    for begin, named in NAMED_ORIGINS.items():
        if recorded.startswith(begin):
            return named(recorded.removeprefix(begin))
    return written(recorded)
