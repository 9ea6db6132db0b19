"""Submissions of the editor in any view, which are parsed to issues or shown again unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, HTTPException, Request

from newsletter.errors import ContentError, NewsletterError
from newsletter.i18n.language import Language
from newsletter.issues.drafts.saving import Draft
from newsletter.issues.markdown.writer import to_markdown
from newsletter.issues.merging import KeptVersion, Version
from newsletter.issues.model import Issue
from newsletter.issues.sources.editor_json import read_json
from newsletter.issues.sources.form import Sheet, read_sheet, sheet_of_fields, to_sheet
from newsletter.web.issues.checked import read_text
from newsletter.web.routing import BodyLimit, read_number

#: The largest number of fields; an issue of a thousand blocks has some ten thousand.
_MOST_FIELDS = 20_000
#: Characters in all fields.
_LONGEST = 4_000_000
#: Octets of a request, at three per character.
WRITTEN_OCTETS = 3 * _LONGEST

#: Prefixes of the names of fields with the initial state of the page, and with choices.
_BASE, _CHOICE = "base-", "choice-"


@dataclass(frozen=True, kw_only=True, slots=True)
class EditorForm:
    """A submitted form.

    Attributes:
        text: The Markdown; None in other views.
        sheet: The fields of the block view; None in other views.
        value: The issue as JSON with the template's name; None in other views.
        revision: The revision of the draft when the page was loaded.
        fix: The key of the finding to fix.
        known_word: The word to add to the newsletter's dictionary.
        press: The button of the block view; see `Pressed`.
        kept: Whether a person saved it, as opposed to an autosave.
        base: The initial state of the page as it submits it; None if it does not.
        choices: The choices for conflicting blocks, by their keys.
    """

    text: str | None = None
    sheet: Sheet | None = None
    value: tuple[str, str] | None = None
    revision: int = 0
    fix: str = ""
    known_word: str = ""
    press: str = ""
    kept: bool = False
    base: EditorForm | None = None
    choices: Mapping[str, KeptVersion] = field(default_factory=dict)

    @property
    def in_cards(self) -> bool:
        """Whether it comes from the forms of blocks."""
        return self.sheet is not None

    @property
    def in_blocks(self) -> bool:
        """Whether its parts are identified by blocks and not by lines."""
        return self.sheet is not None or self.value is not None

    def read(self, draft: Draft, language: Language) -> tuple[Issue, str]:
        """Return the issue with the translations of its draft, and the template that it names.

        Raises:
            ContentError: The input is invalid; the place names the line or the block.
        """
        issue, template = self._read(draft, language)
        return replace(issue, translations=draft.issue.translations), template

    def read_base(self, draft: Draft, language: Language) -> Version | None:
        """Return the initial state of the page; None if it is missing or unreadable."""
        if self.base is None:
            return None
        try:
            issue, template = self.base.read(draft, language)
        except ContentError:
            return None
        return Version(issue=issue, template=template)

    def _read(self, draft: Draft, language: Language) -> tuple[Issue, str]:
        if self.sheet is not None:
            return read_sheet(self.sheet, draft.issue, template=draft.template), draft.template
        if self.value is not None:
            text, template = self.value
            return read_json(text, template=template), template
        return read_text(self.text or "", language, language=draft.issue.language)

    @classmethod
    def of(cls, draft: Draft, *, in_blocks: bool) -> EditorForm:
        """Return the submission of a draft's page without changes."""
        if in_blocks:
            return cls(sheet=to_sheet(draft.issue), revision=draft.revision)
        text = to_markdown(draft.issue, template=draft.template)
        return cls(text=text, revision=draft.revision)


async def read_fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form with an issue's text, in their order.

    Raises:
        HTTPException: The fields are larger than any issue.
    """
    form = await request.form(max_fields=_MOST_FIELDS)
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    if sum(len(value) for _, value in fields) > _LONGEST:
        raise HTTPException(413, f"The text has more than {_LONGEST:,} characters.")
    return fields


async def read_written(
    request: Request, _bound: Annotated[None, Depends(BodyLimit(WRITTEN_OCTETS))]
) -> EditorForm:
    """Return the submitted form of the editor."""
    fields = await read_fields(request)
    named = dict(fields)
    revision, view = named.get("revision", ""), named.get("view", "")
    began = {name.removeprefix(_BASE): value for name, value in fields if name.startswith(_BASE)}
    return EditorForm(
        text=None if view in {"blocks", "mail"} else named.get("text", ""),
        sheet=sheet_of_fields(fields) if view == "blocks" else None,
        value=_value_of(named) if view == "mail" else None,
        revision=read_number(revision) or 0,
        fix=named.get("fix", ""),
        known_word=named.get("known_word", ""),
        press=named.get("press", ""),
        kept=named.get("kept") == "1",
        base=_base_of(began) if began else None,
        choices={
            name.removeprefix(_CHOICE): KeptVersion(value)
            for name, value in fields
            if name.startswith(_CHOICE) and value in set(KeptVersion)
        },
    )


def _value_of(named: Mapping[str, str]) -> tuple[str, str]:
    return named.get("issue", ""), named.get("template", "")


def _base_of(named: Mapping[str, str]) -> EditorForm:
    if named.get("view") == "mail":
        return EditorForm(value=_value_of(named))
    return EditorForm(text=named.get("text", ""))


WrittenForm = Annotated[EditorForm, Depends(read_written)]


def error_fields(error: NewsletterError, language: Language) -> dict[str, str | int | None]:
    """Return an error for the script of the page: its line or block, and the remedy."""
    place = error.place
    return {
        "line": place.line if place else None,
        "block": place.field if place and place.line is None else None,
        "what": error.message.in_language(language),
        "remedy": error.advice.in_language(language) if error.advice else "",
    }
