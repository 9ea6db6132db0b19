"""Findings of preflight about an issue or its mail, with place and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.model import Issue
from newsletter.issues.outline import chapter_anchor, item_anchor, section_anchor


class Severity(StrEnum):
    """The severity of a finding: errors prevent sending, warnings ask, hints inform."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class IssueField(StrEnum):
    """The part of an issue, a mail or a newsletter that a finding concerns."""

    TITLE = "title"
    PREHEADER = "preheader"
    MASTHEAD = "masthead"
    NUMBER = "number"
    LEAD = "lead"
    CONTENTS = "contents"
    HEADING = "heading"
    BODY = "body"
    LINKS = "links"
    CREDITS = "credits"
    MAIL = "mail"
    SENDER = "sender"


_FIELD_NAMES: dict[IssueField, Message] = {
    IssueField.TITLE: msg("subject"),
    IssueField.PREHEADER: msg("preheader"),
    IssueField.MASTHEAD: msg("masthead"),
    IssueField.NUMBER: pmsg("of an issue", "number"),
    IssueField.LEAD: msg("lead"),
    IssueField.CONTENTS: msg("contents"),
    IssueField.HEADING: msg("heading"),
    IssueField.BODY: msg("body"),
    IssueField.LINKS: msg("links"),
    IssueField.CREDITS: msg("credits"),
    IssueField.MAIL: msg("mail"),
    IssueField.SENDER: msg("sender"),
}


#: The default label of a fix.
MEND = msg("Correct")


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuePlace:
    """A place in an issue; chapters, sections and items count from 1.

    Attributes:
        heading: The heading of the chapter, section or item, for display.
    """

    field: IssueField
    chapter: int | None = None
    section: int | None = None
    item: int | None = None
    heading: str = ""

    @property
    def anchor(self) -> str:
        """The anchor of the part in the mail and in the editor; empty outside chapters."""
        if self.chapter is None:
            return ""
        if self.item is not None:
            return item_anchor(self.chapter, self.section, self.item)
        if self.section is not None:
            return section_anchor(self.chapter, self.section)
        return chapter_anchor(self.chapter)

    def described(self) -> Message:
        """Return the place for display: the heading of the part, then the field."""
        field = _FIELD_NAMES[self.field]
        if self.chapter is None:
            return field
        if not self.heading:
            return msg("{field} of a part without a heading", field=field)
        return msg("{field} of “{name}”", field=field, name=self.heading[:30])


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One problem or hint before sending.

    Attributes:
        code: Stable name of the check, such as ``url-http``.
        about: The found text, such as the URL. Findings with the same code and text are shown once,
            unless ``within`` is set.
        within: The lines with the text, as readers see them, in order.
        word: The word that can be added to the newsletter's dictionary, which settles the finding.
        snippet: The snippet that contains the text and must be edited; otherwise empty.
        fix: Returns the corrected issue; None if a person must decide.
        act: The label of the button for the fix.
    """

    code: str
    severity: Severity
    place: IssuePlace
    message: Message
    remedy: Message
    about: str = ""
    within: tuple[str, ...] = ()
    word: str = ""
    snippet: str = ""
    fix: Callable[[Issue], Issue] | None = None
    act: Message = MEND

    @property
    def is_unwritten(self) -> bool:
        """Whether it only says that something is not written yet."""
        return self.code in UNWRITTEN

    @property
    def key(self) -> str:
        """The key by which a page requests the fix."""
        return f"{self.code}|{self.place.anchor}|{self.place.field}|{self.about}"


#: Codes of findings about content that is not written yet, as in a new issue or a new table.
UNWRITTEN = frozenset({"title-empty", "issue-empty", "table-row-empty"})

_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without duplicates, errors first, and then in reading order."""
    once: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        everywhere = finding.about and not finding.within
        place = "" if everywhere else finding.place.anchor + finding.place.field
        once.setdefault((finding.code, finding.about, place), finding)
    return tuple(sorted(once.values(), key=lambda finding: _ORDER[finding.severity]))
