"""Common parts of the HTML and the text of blocks: their context, and fixed labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.cards import Event
from newsletter.issues.model import ContentsLine

CONTENTS = pmsg("mail", "In this issue")
WHEN = pmsg("event", "When")
WHERE = pmsg("event", "Where")
CAPACITY = pmsg("event", "Places")
REGISTER = pmsg("event", "Details and registration")
CALENDAR = msg("Add to calendar")
PHONE = pmsg("contact", "Phone")
EMAIL = pmsg("contact", "Email")
HOURS = pmsg("contact", "Hours")
ADDRESS = pmsg("contact", "Address")
WEBSITE = pmsg("contact", "Website")

READER = pmsg("mail", "reader")

_BY_NAME = {
    "contents": CONTENTS,
    "when": WHEN,
    "where": WHERE,
    "capacity": CAPACITY,
    "register": REGISTER,
    "calendar": CALENDAR,
    "phone": PHONE,
    "email": EMAIL,
    "hours": HOURS,
    "address": ADDRESS,
    "website": WEBSITE,
    "reader": READER,
}


def labelled(label: str, value: str) -> Message:
    """Return a value after its label."""
    return pmsg("label and value", "{label}: {value}", label=label, value=value)


def block_words(language: Language) -> dict[str, str]:
    """Return the fixed labels by name, in the language of an issue."""
    return {name: words.in_language(language) for name, words in _BY_NAME.items()}


#: Marks in plain text; their form depends on the language of the issue.
SUBHEADING_MARK = pmsg("plain text: before a subheading", "# ")
POINT_MARK = pmsg("plain text: before an item of a list", "- ")
SOURCE_MARK = pmsg("plain text: before the source of a quotation", "-- ")


def fact_name(name: Message) -> Message:
    """Return a name with its separator from the value, for plain text."""
    return pmsg("plain text: the name of a value", "{name}: ", name=name)


def box_title(name: str) -> Message:
    """Return the name of an event or office as the title of its box, for plain text."""
    return pmsg("plain text: the title of a box", "{name}", name=name)


def question(label: str) -> Message:
    """Return the label of a button for plain text, where its URL follows."""
    return pmsg("plain text: a button", "{label}:", label=label)


def contents_head(head: str) -> Message:
    """Return the heading of the table of contents for plain text."""
    return pmsg("plain text: the head of the contents", "{head}\n-------------", head=head)


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockContext:
    """The context in which blocks are rendered.

    Attributes:
        contents: The lines of the table of contents.
        page: The URL of the mail as a web page, which those lines link to.
        calendars: The URL of the calendar file of each event that has one.
    """

    language: Language = Language.JAPANESE
    contents: tuple[ContentsLine, ...] = ()
    page: str = ""
    calendars: Mapping[Event, str] = field(default_factory=dict)

    def words(self, message: Message) -> str:
        """Return a text in the language of the issue."""
        return message.in_language(self.language)
