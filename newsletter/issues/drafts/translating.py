"""Editing the translations of a draft, unit by unit, and their history.

Translations can be edited while the original is edited. A save names the state of each unit that
the translator saw, so that two translators cannot overwrite each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.tables import TranslationRevisionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import RevisionKind
from newsletter.errors import ConflictError, ContentError, NotFoundError, Place
from newsletter.i18n.language import read_language
from newsletter.i18n.messages import msg
from newsletter.issues.difference import Piece, pieces_of_change
from newsletter.issues.drafts.autosaves import replaces_last
from newsletter.issues.drafts.saving import Draft, Revision, keep_translations, lock_draft
from newsletter.issues.markdown.reader import read_body
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import (
    Block,
    Issue,
    TranslatedUnit,
    Translation,
    blocks_to_json,
)
from newsletter.issues.sources.editor_json import read_blocks
from newsletter.issues.sources.form import LinkFields, read_link
from newsletter.issues.sources.normalise import without_controls
from newsletter.issues.translation_units import (
    TranslationUnit,
    block_with,
    fields_of_block,
    joined_unit,
    require_same_readers,
    translated_markdown,
    translated_unit,
)
from newsletter.issues.translations import (
    MOST_TRANSLATIONS,
    UnitState,
    UnitStatus,
    find_translation,
    unit_statuses,
    with_translation,
)

_ADAPTER: TypeAdapter[Translation] = TypeAdapter(Translation)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitChange:
    """A change of a unit's translation.

    Attributes:
        original: The unit's text in the issue's own language.
        pieces: The difference between old and new translation.
    """

    original: str
    pieces: tuple[Piece, ...]


def keep_translation_revision(
    session: Session, draft_id: int, translation: Translation, *, author: str, kind: RevisionKind
) -> None:
    """Store a revision of a translation; later automatic saves of its author may replace it."""
    whose = (
        TranslationRevisionRow.draft_id == draft_id,
        TranslationRevisionRow.language == translation.language,
    )
    newest = select(TranslationRevisionRow).where(*whose)
    last = session.scalars(
        newest.order_by(TranslationRevisionRow.number.desc()).limit(1)
    ).one_or_none()
    content = _ADAPTER.dump_python(translation, mode="json")
    if last is not None and replaces_last(last, content, author=author, kind=kind):
        last.content, last.saved_at = content, now()
    else:
        session.add(
            TranslationRevisionRow(
                draft_id=draft_id,
                language=translation.language,
                number=last.number + 1 if last else 1,
                kind=kind,
                content=content,
                author=author,
            )
        )
    session.flush()


def list_translation_revisions(session: Session, draft: Draft, tag: str) -> Sequence[Revision]:
    """Return the history of a translation, the newest first."""
    rows = session.scalars(
        select(TranslationRevisionRow)
        .where(
            TranslationRevisionRow.draft_id == draft.id,
            TranslationRevisionRow.language == tag,
        )
        .order_by(TranslationRevisionRow.number.desc())
    )
    return [
        Revision(number=row.number, kind=row.kind, author=row.author, saved_at=row.saved_at)
        for row in rows
    ]


def get_translation_revision(session: Session, draft: Draft, tag: str, number: int) -> Translation:
    """Return an earlier revision of a translation; number 0 is the empty one at the beginning.

    Raises:
        NotFoundError: There is no such revision.
    """
    if number == 0:
        return Translation(language=tag)
    row = session.get(TranslationRevisionRow, (draft.id, tag, number))
    if row is None:
        raise NotFoundError(msg("There is no revision {number}.", number=number))
    return _ADAPTER.validate_python(row.content)


def changes_between(before: Translation, after: Translation) -> tuple[UnitChange, ...]:
    """Return the differences between two states of a translation, unit by unit."""
    old = {each.source: each for each in before.units}
    new = {each.source: each for each in after.units}
    found = [(old.get(source), new.get(source)) for source in {**old, **new}]
    return tuple(
        UnitChange(
            original=(now or was or TranslatedUnit(source="")).original,
            pieces=pieces_of_change(translated_markdown(was), translated_markdown(now)),
        )
        for was, now in found
        if was != now
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitFields:
    """The submitted fields of a unit.

    Attributes:
        source: The digest of the original that the translator saw.
        seen: The fingerprint of the translation that the translator saw; see `fingerprint`.
        body: The translation in Markdown.
        blocks: The translation as JSON from the editor's script; it takes precedence over ``body``.
        values: The values of a block's fields.
        confirmed: Whether the translation of an earlier original is confirmed as still valid.
        joined: Whether the translation is included in that of the unit before.
    """

    source: str
    seen: str = ""
    text: str = ""
    body: str = ""
    blocks: str = ""
    values: tuple[tuple[str, str], ...] = ()
    links: tuple[LinkFields, ...] = ()
    confirmed: bool = False
    joined: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedUnits:
    """The result of saving units.

    Attributes:
        saved: The number of changed units.
        faults: The errors of units that were not saved, by the digest of their original.
    """

    draft: Draft
    saved: int = 0
    faults: Mapping[str, ContentError | ConflictError] = field(default_factory=dict)


def fields_of(status: UnitStatus) -> UnitFields:
    """Return the fields to show in a unit's form; addresses default to the original's."""
    unit, said = status.unit, status.translated
    own = fields_of_block(unit.block)
    body = said.body if said else ()
    values: dict[str, str] = {}
    if own:
        same = bool(body) and type(body[0]) is type(unit.block)
        theirs = {field.name: field.text for field in fields_of_block(body[0])} if same else {}
        values = {
            field.name: theirs.get(field.name, field.text if field.is_address else "")
            for field in own
        }
    return UnitFields(
        source=unit.source,
        seen=fingerprint(said),
        text=said.text if said else "",
        body="" if values else blocks_to_markdown(body),
        values=tuple(values.items()),
        links=tuple(LinkFields(url=each.url, label=each.label) for each in said.links)
        if said and said.links
        else tuple(LinkFields(url=each.url) for each in unit.links),
        joined=bool(said and said.joined),
    )


def fingerprint(translated: TranslatedUnit | None) -> str:
    """Return a digest of a unit's translation; empty for None."""
    if translated is None:
        return ""
    links = [[each.url, each.label] for each in translated.links]
    content = [translated.source, translated.text, blocks_to_json(translated.body), links]
    if translated.joined:
        content.append("joined")
    return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def add_translation(session: Session, draft: Draft, language: str) -> tuple[Draft, str]:
    """Add a translation to a draft, unless it exists; return the draft and the language's tag.

    Raises:
        ContentError: The language is not valid, or is the draft's own.
        ConflictError: The draft has the maximum number of translations.
        IssueSentError: The draft's issue was sent or ordered.
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
    """Delete a translation of a draft.

    Raises:
        IssueSentError: The draft's issue was sent or ordered.
    """
    draft = lock_draft(session, draft)
    left = tuple(each for each in draft.issue.translations if each.language != tag)
    if left == draft.issue.translations:
        return draft
    return keep_translations(session, draft, left)


def replace_translation(
    session: Session,
    draft: Draft,
    translation: Translation,
    *,
    author: str,
    kind: RevisionKind = RevisionKind.IMPORTED,
) -> Draft:
    """Replace the translation into a language.

    Raises:
        IssueSentError: The draft's issue was sent or ordered.
    """
    draft = lock_draft(session, draft)
    changed = with_translation(draft.issue, translation)
    keep_translation_revision(session, draft.id, translation, author=author, kind=kind)
    return keep_translations(session, draft, changed.translations)


def save_units(
    session: Session,
    draft: Draft,
    tag: str,
    typed: Iterable[UnitFields],
    *,
    author: str,
    kind: RevisionKind = RevisionKind.SAVED,
) -> SavedUnits:
    """Save submitted units; units with errors are not changed, the others are saved.

    Raises:
        IssueSentError: The draft's issue was sent or ordered.
    """
    draft = lock_draft(session, draft)
    statuses = {each.unit.source: each for each in unit_statuses(draft.issue, tag)}
    faults: dict[str, ContentError | ConflictError] = {}
    changes: dict[str, TranslatedUnit | None] = {}
    for fields in typed:
        status = statuses.get(fields.source)
        try:
            if status is None:
                _require_untouched(fields)
            elif (changed := _read(fields, status)) != status.translated:
                changes[fields.source] = changed
        except (ContentError, ConflictError) as error:
            faults[fields.source] = error
    if changes:
        issue = _with_units(draft.issue, tag, statuses, changes)
        translation = find_translation(issue, tag) or Translation(language=tag)
        keep_translation_revision(session, draft.id, translation, author=author, kind=kind)
        draft = keep_translations(session, draft, issue.translations)
    return SavedUnits(draft=draft, saved=len(changes), faults=faults)


def _require_untouched(fields: UnitFields) -> None:
    """Raise if a unit's original was changed or removed since the translator saw it."""
    if fields.text.strip() or fields.body.strip() or fields.blocks not in {"", "[]"}:
        raise ConflictError(
            msg("The original of this part was changed in the meantime."),
            remedy=msg("Compare it with your translation, then save again."),
        )


def _read(fields: UnitFields, status: UnitStatus) -> TranslatedUnit | None:
    """Return the new translation of a unit; the present one if nothing was changed."""
    before, unit, shown = status.translated, status.unit, fields_of(status)
    is_typed = _typed(fields) != _typed(shown)
    confirmed = fields.confirmed and status.state is UnitState.CHANGED
    if not is_typed and not confirmed:
        return before
    now = None if fields.joined else _read_words(fields, unit)
    if fields.joined:
        now = joined_unit(unit)
        if not unit.is_translated_by(now):
            require_same_readers(unit, ())
    said = before and replace(before, source=unit.source, original=unit.markdown)
    if now == said and not confirmed:
        return before
    if is_typed and now != said and fields.seen != shown.seen:
        raise ConflictError(
            msg("Somebody else translated this part in the meantime."),
            remedy=msg("Compare both, then save yours again or use theirs."),
        )
    return now


def _typed(fields: UnitFields) -> tuple[object, ...]:
    """Return the values of the fields for comparison; the editor's JSON has to be parsed."""
    links = [(link.url.strip(), link.label.strip()) for link in fields.links]
    return (
        fields.text.strip(),
        fields.blocks or fields.body.strip(),
        [(name, text.strip()) for name, text in fields.values if text.strip()],
        [each for each in links if any(each)],
        fields.joined,
    )


def _read_words(fields: UnitFields, unit: TranslationUnit) -> TranslatedUnit | None:
    """Return the submitted translation of a unit; None if it is empty.

    Raises:
        ContentError: The text cannot be parsed, or has other conditions than the original.
    """
    text = " ".join(without_controls(fields.text).split("\n")).strip()
    if "\n" in unit.text:
        lines = (line.strip() for line in without_controls(fields.text).split("\n"))
        text = "\n".join(filter(None, lines))
    body = _read_body(fields, unit)
    typed = (link for link in fields.links if link.url.strip() or link.label.strip())
    links = tuple(map(read_link, typed))
    if unit.has_words and not text and not body and not any(link.label for link in links):
        return None
    if not unit.has_words and (body, links) == (unit.body, unit.links):
        return None
    if body:
        require_same_readers(unit, body)
    return translated_unit(unit, text=text, body=body, links=links)


def _read_body(fields: UnitFields, unit: TranslationUnit) -> tuple[Block, ...]:
    own = {field.name: field for field in fields_of_block(unit.block)}
    if unit.block is not None and own:
        values = {name: without_controls(text) for name, text in fields.values if name in own}
        words = [values.get(name, "") for name, field in own.items() if not field.is_address]
        if words and not any(each.strip() for each in words):
            return ()
        block = block_with(unit.block, values)
        return read_body(blocks_to_markdown((block,)), source="translation")
    if fields.blocks:
        return read_blocks(fields.blocks)
    return read_body(without_controls(fields.body), source="translation")


def _with_units(
    issue: Issue,
    tag: str,
    statuses: Mapping[str, UnitStatus],
    changes: Mapping[str, TranslatedUnit | None],
) -> Issue:
    """Return the issue with changed units; translations of their earlier versions are removed."""
    replaced = set(changes)
    for source in changes:
        if (before := statuses[source].translated) is not None:
            replaced.add(before.source)
    translation = find_translation(issue, tag) or Translation(language=tag)
    kept = [each for each in translation.units if each.source not in replaced]
    units = (*kept, *(each for each in changes.values() if each is not None))
    return with_translation(issue, replace(translation, units=units))


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslationProgress:
    """The numbers of units with text, and of those that are translated in their present state."""

    done: int
    total: int


def progress_of(statuses: Sequence[UnitStatus]) -> TranslationProgress:
    """Return the progress of a translation."""
    states = [each.state for each in statuses if each.unit.has_words]
    return TranslationProgress(done=states.count(UnitState.DONE), total=len(states))
