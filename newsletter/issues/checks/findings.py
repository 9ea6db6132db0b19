"""Findings: what preflight says about an issue or its mail, with place and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.issues.model import Issue
from newsletter.issues.outline import chapter_anchor, item_anchor, section_anchor


class Severity(StrEnum):
    """What a finding does to sending: errors block, warnings ask, hints only tell."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class IssueField(StrEnum):
    """The part of an issue, a mail or a newsletter that a finding is about."""

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


#: What a fix is called that needs no other name.
MEND = msg("Correct")


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuePlace:
    """Where in an issue; chapters, sections and items count from 1.

    Attributes:
        heading: What the chapter, section or item is called, for people.
    """

    field: IssueField
    chapter: int | None = None
    section: int | None = None
    item: int | None = None
    heading: str = ""

    @property
    def anchor(self) -> str:
        """The anchor of the part within mail and editor; empty outside chapters."""
        if self.chapter is None:
            return ""
        if self.item is not None:
            return item_anchor(self.chapter, self.section, self.item)
        if self.section is not None:
            return section_anchor(self.chapter, self.section)
        return chapter_anchor(self.chapter)

    def described(self) -> Message:
        """Say the place for people: the part's heading, then the field."""
        field = _FIELD_NAMES[self.field]
        if self.chapter is None:
            return field
        if not self.heading:
            return msg("{field} of a part without a heading", field=field)
        return msg("{field} of “{name}”", field=field, name=self.heading[:30])


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing to mend, or to know, before sending.

    Attributes:
        code: Stable name of the check, such as ``url-http``.
        about: What exactly was found, such as the URL; a code and what it is about are told once,
            unless it says ``within`` what.
        within: The lines, as readers see them, in which it was found, in order.
        word: The word that a newsletter's own dictionary may take, after which this is none.
        snippet: The snippet that it stands in, to be mended there; empty elsewhere.
        fix: Returns the issue with this mended; None where a person must decide.
        act: What the fix does, as its button says it.
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
        """Whether nothing is wrong, but something not written yet."""
        return self.code in UNWRITTEN

    @property
    def key(self) -> str:
        """A name by which a page can ask for this finding's fix."""
        return f"{self.code}|{self.place.anchor}|{self.place.field}|{self.about}"


#: Errors of what is only not written yet, as in an issue that was just begun.
UNWRITTEN = frozenset({"title-empty", "issue-empty"})

_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, errors first, otherwise in the order of reading."""
    once: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        everywhere = finding.about and not finding.within
        place = "" if everywhere else finding.place.anchor + finding.place.field
        once.setdefault((finding.code, finding.about, place), finding)
    return tuple(sorted(once.values(), key=lambda finding: _ORDER[finding.severity]))
