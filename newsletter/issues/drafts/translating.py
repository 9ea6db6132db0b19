"""Translating: what is written into the translations of a draft, unit by unit.

A translation is written while its original is: who saves a unit names what they saw of it, so that
two translators never overwrite each other unseen, and the original's editors are not in their way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from sqlalchemy.orm import Session

from newsletter.errors import ConflictError, ContentError, Place
from newsletter.i18n.language import read_language
from newsletter.i18n.messages import msg
from newsletter.issues.drafts.saving import Draft, keep_translations, lock_draft
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import (
    Block,
    Issue,
    Link,
    TranslatedUnit,
    Translation,
    blocks_to_json,
)
from newsletter.issues.sources.form import LinkFields, read_link
from newsletter.issues.sources.normalise import without_controls
from newsletter.issues.translations import (
    MOST_TRANSLATIONS,
    UnitState,
    UnitStatus,
    demand_same_readers,
    find_translation,
    translated_unit,
    unit_statuses,
    with_translation,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitFields:
    """A unit as a translator typed it.

    Attributes:
        source: The digest of the original that they saw.
        seen: The fingerprint of the translation that they saw; see `fingerprint`.
        body: Markdown.
        confirmed: Whether what was said of an earlier original still holds.
    """

    source: str
    seen: str = ""
    text: str = ""
    body: str = ""
    links: tuple[LinkFields, ...] = ()
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedUnits:
    """What became of the units that a translator saved.

    Attributes:
        saved: How many were changed.
        faults: What is wrong with others, which are as they were, by the digest of their original.
    """

    draft: Draft
    saved: int = 0
    faults: Mapping[str, ContentError | ConflictError] = field(default_factory=dict)


def fields_of(status: UnitStatus) -> UnitFields:
    """Return what the form of a unit shows."""
    translated = status.translated
    return UnitFields(
        source=status.unit.source,
        seen=fingerprint(translated),
        text=translated.text if translated else "",
        body=blocks_to_markdown(translated.body) if translated else "",
        links=tuple(LinkFields(url=each.url, label=each.label) for each in translated.links)
        if translated and translated.links
        else tuple(LinkFields(url=each.url) for each in status.unit.links),
    )


def fingerprint(translated: TranslatedUnit | None) -> str:
    """Return what tells a unit's translation from every other; empty for none."""
    if translated is None:
        return ""
    links = [[each.url, each.label] for each in translated.links]
    content = [translated.source, translated.text, blocks_to_json(translated.body), links]
    return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def add_translation(session: Session, draft: Draft, language: str) -> tuple[Draft, str]:
    """Begin a translation of a draft; return the draft and the language's tag.

    One that is there already stays as it is.

    Raises:
        ContentError: It is no language, or the draft's own.
        ConflictError: The draft has as many translations as it may have.
        IssueSentError: Its issue was sent, or is about to be.
    """
    tag = read_language(language)
    draft = lock_draft(session, draft)
    if not tag:
        raise ContentError(
            msg("“{text}” is not a language.", text=language[:60]),
            place=Place(field="language"),
            remedy=msg("Choose one, or enter its tag, such as zh-Hans or ja-simple."),
        )
    if tag.lower() == draft.issue.tag.lower():
        raise ContentError(
            msg("The issue itself is in this language."),
            place=Place(field="language"),
            remedy=msg("Choose another language."),
        )
    if find_translation(draft.issue, tag) is not None:
        return draft, tag
    if len(draft.issue.translations) >= MOST_TRANSLATIONS:
        raise ConflictError(
            msg("An issue has at most {limit} translations.", limit=MOST_TRANSLATIONS),
            remedy=msg("Remove one of them first."),
        )
    changed = with_translation(draft.issue, Translation(language=tag))
    return keep_translations(session, draft, changed.translations), tag


def remove_translation(session: Session, draft: Draft, tag: str) -> Draft:
    """Take a translation away with all that was written in it.

    Raises:
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    draft = lock_draft(session, draft)
    left = tuple(each for each in draft.issue.translations if each.language != tag)
    if left == draft.issue.translations:
        return draft
    return keep_translations(session, draft, left)


def replace_translation(session: Session, draft: Draft, translation: Translation) -> Draft:
    """Put a translation in place of what was written in its language.

    Raises:
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    draft = lock_draft(session, draft)
    changed = with_translation(draft.issue, translation)
    return keep_translations(session, draft, changed.translations)


def save_units(session: Session, draft: Draft, tag: str, typed: Iterable[UnitFields]) -> SavedUnits:
    """Save what a translator typed; a unit with a fault stays as it was, the others are saved.

    Raises:
        IssueSentError: The draft's issue was sent, or is about to be.
    """
    draft = lock_draft(session, draft)
    statuses = {each.unit.source: each for each in unit_statuses(draft.issue, tag)}
    faults: dict[str, ContentError | ConflictError] = {}
    changes: dict[str, TranslatedUnit | None] = {}
    for fields in typed:
        status = statuses.get(fields.source)
        try:
            if status is None:
                _demand_untouched(fields)
            elif (changed := _read(fields, status)) != status.translated:
                changes[fields.source] = changed
        except (ContentError, ConflictError) as error:
            faults[fields.source] = error
    if changes:
        issue = _with_units(draft.issue, tag, statuses, changes)
        draft = keep_translations(session, draft, issue.translations)
    return SavedUnits(draft=draft, saved=len(changes), faults=faults)


def _demand_untouched(fields: UnitFields) -> None:
    """Refuse words for a unit whose original says something else, or is gone, since it was seen."""
    if fields.text.strip() or fields.body.strip():
        raise ConflictError(
            msg("The original of this part was changed in the meantime."),
            remedy=msg("Compare it with your translation, then save again."),
        )


def _read(fields: UnitFields, status: UnitStatus) -> TranslatedUnit | None:
    """Return what a unit says now; what it said where nothing was typed."""
    before = status.translated
    shown = fields_of(status)
    is_typed = _typed(fields) != _typed(shown)
    if not is_typed and not (fields.confirmed and status.state is UnitState.CHANGED):
        return before
    if is_typed and fields.seen != shown.seen:
        raise ConflictError(
            msg("Somebody else translated this part in the meantime: {text}", text=_short(shown)),
            remedy=msg("Compare both, then save yours again or take theirs over."),
        )
    body, links = _read_words(fields)
    text = " ".join(without_controls(fields.text).split("\n")).strip()
    if "\n" in status.unit.text:
        lines = (line.strip() for line in without_controls(fields.text).split("\n"))
        text = "\n".join(filter(None, lines))
    if not text and not body and not any(link.label for link in links):
        return None
    if body:
        demand_same_readers(status.unit, body)
    return translated_unit(status.unit, text=text, body=body, links=links)


def _typed(fields: UnitFields) -> tuple[str, str, list[tuple[str, str]]]:
    links = [(link.url.strip(), link.label.strip()) for link in fields.links]
    return fields.text.strip(), fields.body.strip(), [each for each in links if any(each)]


def _short(fields: UnitFields) -> str:
    words = " ".join(f"{fields.text} {fields.body}".split())
    return words if len(words) <= 200 else f"{words[:200]}…"  # noqa: PLR2004 - letters of a notice


def _read_words(fields: UnitFields) -> tuple[tuple[Block, ...], tuple[Link, ...]]:
    body = read_body(without_controls(fields.body), source="translation")
    links = (read_link(link) for link in fields.links if link.url.strip() or link.label.strip())
    return body, tuple(links)


def _with_units(
    issue: Issue,
    tag: str,
    statuses: Mapping[str, UnitStatus],
    changes: Mapping[str, TranslatedUnit | None],
) -> Issue:
    """Return the issue with changed units; what was said of earlier forms of them goes."""
    replaced = set(changes)
    for source in changes:
        if (before := statuses[source].translated) is not None:
            replaced.add(before.source)
    translation = find_translation(issue, tag) or Translation(language=tag)
    kept = [each for each in translation.units if each.source not in replaced]
    units = (*kept, *(each for each in changes.values() if each is not None))
    return with_translation(issue, replace(translation, units=units))


def count_done(statuses: Sequence[UnitStatus]) -> int:
    """Return how many units are translated as they are now."""
    return sum(each.state is UnitState.DONE for each in statuses)
