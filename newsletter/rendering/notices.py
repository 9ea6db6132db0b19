"""Notices as mail: the templates in ``_notice``, rendered once for each newsletter and language.

Each notice has its own subject and sentences. All share one HTML and one text template.
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
    """All notices, by the folder of their templates."""

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
    """The content of a notice, without its recipient and the link of its button.

    Attributes:
        days: Days for which its link is valid.
        about: The issue that it is about.
        person: The person who did what the notice reports.
        words: The text that this person wrote.
        facts: Facts for the reader's decision, one on each line.
        until: The time until which its link works.
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
    """Render a notice with ``action_url`` as the link of its button; the reader's slots stay open.

    Without ``action_url``, the button's slot stays open as well: a link for this reader only is
    signed when the message is composed.

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
    """Render with the button's slot open, so that the result is cached; MJML and inlining are slow.

    ``changed`` is a stamp of the templates' files, so that changed templates are rendered again.
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
