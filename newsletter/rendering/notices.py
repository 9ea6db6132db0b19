"""Notices as mail: the templates under ``_notice``, rendered once a newsletter and language.

Each notice has a subject and its sentences; the HTML and the text that say them are one for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from newsletter.i18n.language import Language
from newsletter.rendering.environment import templates_in
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.model import (
    BODY,
    SUBJECT,
    TEXT,
    Publisher,
    RenderedIssue,
    Slot,
    SlotUse,
    WordedText,
)
from newsletter.rendering.render import tidy
from newsletter.rendering.slots import SlotMarks


class NoticeTemplate(StrEnum):
    """The notices there are, by the folder of their templates."""

    CONFIRMATION = "confirmation"
    SETTINGS_LINK = "settings-link"
    ADDRESS_CHANGE = "address-change"
    ADDRESS_CHANGED = "address-changed"
    INVITATION = "invitation"
    RESET = "reset"
    ACCOUNT_CHANGED = "account-changed"
    APPROVAL_REQUEST = "approval-request"
    APPROVAL_GIVEN = "approval-given"
    APPROVAL_RETURNED = "approval-returned"
    COMMENTS = "comments"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeDraft:
    """What a notice says, but for whom it is to and where its button leads.

    Attributes:
        days: How long its link holds.
        about: The issue that it is about.
        person: Who did what it tells.
        words: What they say.
        facts: What the reader decides by, a line each.
        until: Up to when its link works.
    """

    template: NoticeTemplate
    language: Language
    publisher: Publisher
    days: int = 0
    event: str = ""
    about: str = ""
    person: str = ""
    words: str = ""
    facts: tuple[str, ...] = ()
    until: str = ""


def render_notice(
    draft: NoticeDraft, *, templates_dir: Path, action_url: str = ""
) -> RenderedIssue:
    """Render a notice whose button leads to ``action_url``; slots of its reader stay open.

    Without an address the button's stays open, too: a link that its reader alone may follow is made
    when the message is composed.

    Raises:
        TemplateError: The template is faulty.
    """
    changed = templates_in(templates_dir).stamp(f"_notice/{draft.template}")
    rendered = _render(draft, templates_dir, changed)
    if not action_url:
        return rendered

    def bind(slotted: WordedText) -> WordedText:
        return tuple(
            action_url if isinstance(part, SlotUse) and part.slot == Slot.ACTION_URL else part
            for part in slotted
        )

    return RenderedIssue(
        subject=bind(rendered.subject),
        html=bind(rendered.html),
        text=bind(rendered.text),
        language=rendered.language,
    )


@lru_cache(maxsize=64)
def _render(draft: NoticeDraft, templates_dir: Path, changed: tuple[float, ...]) -> RenderedIssue:
    """Render with the button's address still a slot: MJML and inlining cost a request too much.

    ``changed`` tells when the templates were written, so that a new one is rendered anew.
    """
    del changed
    templates = templates_in(templates_dir)
    marks = SlotMarks()
    values: dict[str, object] = {
        "publisher": draft.publisher,
        "look": draft.publisher.theme,
        "days": draft.days,
        "event": draft.event,
        "about": draft.about,
        "person": draft.person,
        "words": draft.words,
        "facts": draft.facts,
        "until": draft.until,
        "lang": draft.language.value,
        "slots": marks.as_mapping(),
        "notice": draft.template.value,
    }
    mjml = templates.render(f"_notice/{BODY}", values)
    html = compile_mjml(mjml, template=f"_notice/{BODY}")
    subject = " ".join(templates.render(f"_notice/{draft.template}/{SUBJECT}", values).split())
    return RenderedIssue(
        subject=marks.split(subject, escape=False),
        html=marks.split(html, escape=True),
        text=marks.split(tidy(templates.render(f"_notice/{TEXT}", values)), escape=False),
        language=draft.language,
    )
