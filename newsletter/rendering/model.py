"""What rendering yields: a subject and two bodies with named slots where recipients differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import not_
from typing import Annotated

from pydantic import Field

from newsletter.errors import NotFoundError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.calendars import CalendarFile
from newsletter.issues.model import Block, Issue
from newsletter.rendering.theme import DEFAULT_THEME, Theme


class Slot(StrEnum):
    """What differs from one recipient to the next; templates write it as ``{{ slots.NAME }}``."""

    UNSUBSCRIBE_URL = "unsubscribe_url"
    PREFERENCES_URL = "preferences_url"
    VIEW_URL = "view_url"
    SUBSCRIBER_NAME = "subscriber_name"
    SUBSCRIBER_ADDRESS = "subscriber_address"
    #: What a notice asks its reader to do; signed when its message is composed.
    ACTION_URL = "action_url"


@dataclass(frozen=True, slots=True)
class SlotUse:
    """A place where a recipient's value goes.

    Attributes:
        slot: A `Slot`, or the name of another field of readers.
        escape: Whether it lands in HTML or an attribute.
        fallback: What stands there for a recipient without a value.
    """

    slot: str
    escape: bool
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class ReaderWords:
    """Words that are ours, such as those of a footer: each reader gets them in their own language.

    Attributes:
        own: In the language of the issue's fixed words.
        others: In the other languages there are, by tag.
        escape: As of a slot.
    """

    own: str
    others: tuple[tuple[str, str], ...]
    escape: bool


#: Literal text and slots in the order they are read.
SlottedText = tuple[str | SlotUse, ...]
#: The same with words that wait for a reader's language; see `newsletter.rendering.slots`.
WordedText = tuple[str | SlotUse | ReaderWords, ...]


#: The sources of templates by their paths.
Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedIssue:
    """One issue in one template, rendered once for all recipients of a mailing.

    Attributes:
        variants: Of an issue with parts for some readers, which is rendered here with all of them:
            what its readers get instead; None of any other.
        language: That of the fixed words in it.
        language_tag: The BCP 47 tag of its own words where ``language`` does not say it.
    """

    subject: WordedText
    html: WordedText
    text: WordedText
    language: Language
    language_tag: Annotated[str, Field(exclude_if=lambda value: not value)] = ""
    #: The calendar files of its events, which its links lead to.
    calendars: tuple[CalendarFile, ...] = ()
    variants: Annotated[Variants | None, Field(exclude_if=lambda value: value is None)] = None
    #: What it was rendered from; None of what was kept and read again.
    recipe: Annotated[Recipe | None, Field(exclude=True)] = field(
        default=None, compare=False, repr=False
    )

    @property
    def tag(self) -> str:
        """The BCP 47 tag of its words."""
        return self.language_tag or self.language.value


#: The files of a template.
BODY, TEXT, SUBJECT = "body.mjml.j2", "body.txt.j2", "subject.txt.j2"
#: What they are called where a newsletter's own are written: nobody there sees a file.
_PARTS: Mapping[str, str | Message] = {
    BODY: "MJML",
    TEXT: pmsg("template", "Plain text"),
    SUBJECT: pmsg("template", "Subject"),
}
#: How the names of newsletters' own templates begin; no template of a folder has such a name.
OWN = "own/"


def place_in_template(file: str, line: int | None = None) -> Place:
    """Return a place in a newsletter's own template, in words, or in a file that it includes."""
    return Place(source=_PARTS.get(file, file), line=line, file=file)


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateSource:
    """A template of a newsletter's own: MJML, plain text and subject, all with Jinja."""

    body: str
    text: str
    subject: str

    def files(self, name: str) -> dict[str, str]:
        """Return its files by their paths."""
        return {
            f"{name}/{BODY}": self.body,
            f"{name}/{TEXT}": self.text,
            f"{name}/{SUBJECT}": self.subject,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Publisher:
    """What templates may say of the newsletter that sends: who it is and how to reach it.

    The Japanese act on specified electronic mail asks for the sender's name and address.

    Attributes:
        theme: How its mail looks.
    """

    name: str
    sender_name: str
    sender_address: str
    postal_address: str
    website_url: str = ""
    contact_url: str = ""
    time_zone: str = "Asia/Tokyo"
    #: Blocks that issues put in by name.
    snippets: tuple[tuple[str, tuple[Block, ...]], ...] = ()
    theme: Theme = DEFAULT_THEME
    #: The keys of the fields that are known of its readers, for merge fields.
    fields: tuple[str, ...] = ()
    #: Templates of its own, by their names.
    templates: tuple[tuple[str, TemplateSource], ...] = ()

    def own_template(self, name: str) -> TemplateSource:
        """Return a template of its own.

        Raises:
            NotFoundError: It has none of that name.
        """
        template = dict(self.templates).get(name)
        if template is None:
            raise NotFoundError(
                msg("There is no template “{name}”.", name=name),
                remedy=msg("Choose another template in the settings of the newsletter."),
            )
        return template


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What an inbox shows of a mail in place of the issue's own title and preheader.

    Attributes:
        preheader: Empty for the issue's own.
    """

    title: str
    preheader: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierTranslation:
    """A translation as it was sent, of an original that was corrected since without it.

    Attributes:
        language: Its tag.
        issue: What it says, with the conditions of its parts.
        notice: What its readers are told of the corrections that it lacks, above all else.
    """

    language: str
    issue: Issue
    notice: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """All that a mail is rendered from, kept so that it can be rendered for other readers later.

    Attributes:
        issue: With its conditions; its snippets are put in.
        files: The template's, with all that it may include; of a newsletter's own template, which
            ``publisher`` holds, only the latter.
        site: Where the calendars of its events lie.
        earlier: Translations that a correction of ``issue`` left behind.
    """

    issue: Issue
    template: str
    files: Files
    publisher: Publisher
    site: str = ""
    earlier: Annotated[tuple[EarlierTranslation, ...], Field(exclude_if=not_)] = ()

    def earlier_in(self, tag: str) -> EarlierTranslation | None:
        """Return the translation into a language if a correction left it behind."""
        return next((each for each in self.earlier if each.language == tag), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """How a mail differs by the parts that its readers are shown.

    Attributes:
        conditions: Of its parts, in the order of reading.
        common: The mail of those who meet none; all that a public archive may show.
    """

    conditions: tuple[str, ...]
    common: RenderedIssue
