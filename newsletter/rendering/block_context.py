"""What a block's HTML and text depend on besides the block: language, contents, calendar files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message
from newsletter.issues.cards import Event
from newsletter.issues.model import ContentsLine


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockContext:
    """One rendering, as its blocks see it.

    Attributes:
        contents: The lines of the table of contents.
        page: The mail as a page on the web, which those lines lead to.
        calendars: The address of the calendar file of each event that has one.
    """

    language: Language = Language.JAPANESE
    contents: tuple[ContentsLine, ...] = ()
    page: str = ""
    calendars: Mapping[Event, str] = field(default_factory=dict)

    def words(self, message: Message) -> str:
        """Return words in the language of the issue."""
        return message.in_language(self.language)
