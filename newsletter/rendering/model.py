"""The result of rendering: a subject and two bodies with slots for values of recipients."""

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
from newsletter.issues.events import CalendarFile
from newsletter.issues.model import Block, Issue
from newsletter.rendering.theme import DEFAULT_THEME, Theme


class Slot(StrEnum):
    """A value that differs between recipients; templates write ``{{ slots.NAME }}``."""

    UNSUBSCRIBE_URL = "unsubscribe_url"
    PREFERENCES_URL = "preferences_url"
    VIEW_URL = "view_url"
    SUBSCRIBER_NAME = "subscriber_name"
    SUBSCRIBER_ADDRESS = "subscriber_address"
    #: The link of a notice's button; it is signed when the message is composed.
    ACTION_URL = "action_url"


@dataclass(frozen=True, slots=True)
class SlotUse:
    """The place of a recipient's value.

    Attributes:
        slot: A `Slot`, or the key of another field of readers.
        escape: Whether the place is in HTML, so that the value is escaped.
        fallback: The text for a recipient without a value.
    """

    slot: str
    escape: bool
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class ReaderWords:
    """Fixed text of the product, such as a footer's: each reader gets it in their own language.

    Attributes:
        own: The text in the language of the issue's fixed text.
        others: The text in all other languages, by tag.
        escape: As in `SlotUse`.
    """

    own: str
    others: tuple[tuple[str, str], ...]
    escape: bool


#: Literal text and slots in order.
SlottedText = tuple[str | SlotUse, ...]
#: The same with text in each reader's language; see `newsletter.rendering.slots`.
WordedText = tuple[str | SlotUse | ReaderWords, ...]


#: The sources of templates by their paths.
Files = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedIssue:
    """One issue in one template, rendered once for all recipients of a mailing.

    Attributes:
        variants: For an issue with parts for some readers, which is rendered here with all parts:
            the conditions and the mail without them; else None.
        language: The language of the fixed text in it.
        language_tag: The BCP 47 tag of the issue's own text if it differs from ``language``.
    """

    subject: WordedText
    html: WordedText
    text: WordedText
    language: Language
    language_tag: Annotated[str, Field(exclude_if=lambda value: not value)] = ""
    #: The calendar files of its events, which its links point to.
    calendars: tuple[CalendarFile, ...] = ()
    variants: Annotated[Variants | None, Field(exclude_if=lambda value: value is None)] = None
    #: The input of the rendering; None for a rendered issue that was stored and loaded again.
    recipe: Annotated[Recipe | None, Field(exclude=True)] = field(
        default=None, compare=False, repr=False
    )

    @property
    def tag(self) -> str:
        """The BCP 47 tag of the issue's own text."""
        return self.language_tag or self.language.value


#: The files of a template.
BODY, TEXT, SUBJECT = "body.mjml.j2", "body.txt.j2", "subject.txt.j2"
#: The display names of these files for a newsletter's own template, whose authors see no files.
_PARTS: Mapping[str, str | Message] = {
    BODY: "MJML",
    TEXT: pmsg("template", "Plain text"),
    SUBJECT: pmsg("template", "Subject"),
}
#: The prefix of the names of newsletters' own templates; no template of a folder has it.
OWN = "own/"


def place_in_template(file: str, line: int | None = None) -> Place:
    """Return a place in a part of a newsletter's own template, or in a file that it includes."""
    return Place(source=_PARTS.get(file, file), line=line, file=file)


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateSource:
    """A newsletter's own template: MJML, plain text and subject, all with Jinja."""

    body: str
    text: str
    subject: str

    def files(self, name: str) -> dict[str, str]:
        """Return the parts as files, by their paths."""
        return {
            f"{name}/{BODY}": self.body,
            f"{name}/{TEXT}": self.text,
            f"{name}/{SUBJECT}": self.subject,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Publisher:
    """The values about the sending newsletter that templates can use: its identity and contacts.

    The Japanese act on specified electronic mail requires the sender's name and address.

    Attributes:
        theme: The look of its mail.
    """

    name: str
    sender_name: str
    sender_address: str
    postal_address: str
    website_url: str = ""
    contact_url: str = ""
    time_zone: str = "Asia/Tokyo"
    #: Blocks that issues insert by name.
    snippets: tuple[tuple[str, tuple[Block, ...]], ...] = ()
    theme: Theme = DEFAULT_THEME
    #: The keys of its readers' fields, for merge fields.
    fields: tuple[str, ...] = ()
    #: The newsletter's own templates by name.
    templates: tuple[tuple[str, TemplateSource], ...] = ()

    def own_template(self, name: str) -> TemplateSource:
        """Return one of the newsletter's own templates.

        Raises:
            NotFoundError: There is none of that name.
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
    """The subject and preheader for inboxes, in place of the issue's own.

    Attributes:
        preheader: Empty for the issue's own.
    """

    title: str
    preheader: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierTranslation:
    """A translation as it was sent; the original was corrected later, and the translation was not.

    Attributes:
        language: The translation's language tag.
        issue: The translated content, with the conditions of its parts.
        notice: Blocks above the content that tell readers which corrections are missing.
    """

    language: str
    issue: Issue
    notice: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """The complete input of a rendering, stored so that it can be repeated for other readers.

    Attributes:
        issue: The issue with its conditions, and with snippets inserted.
        files: The template's files and all that it may include. For a newsletter's own template,
            which ``publisher`` holds, only the files that it may include.
        site: The base URL of the calendars of its events.
        earlier: Translations that lack a correction of ``issue``.
    """

    issue: Issue
    template: str
    files: Files
    publisher: Publisher
    site: str = ""
    earlier: Annotated[tuple[EarlierTranslation, ...], Field(exclude_if=not_)] = ()

    def earlier_in(self, tag: str) -> EarlierTranslation | None:
        """Return the translation into a language if it lacks a correction."""
        return next((each for each in self.earlier if each.language == tag), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """The differences of a mail by the parts that readers see.

    Attributes:
        conditions: The conditions of its parts, in reading order.
        common: The mail for readers who meet no condition; only this may be in a public archive.
    """

    conditions: tuple[str, ...]
    common: RenderedIssue
