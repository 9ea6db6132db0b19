"""The note of a correction, in each language of the issue; and translations without corrections.

A translation that was not corrected stays as it was sent. Its readers are told so in its language,
with the notes of the corrections that it lacks, until it is corrected as well. If the correction's
draft no longer has the translation, it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy.orm import Session

from newsletter.database.types import now
from newsletter.errors import ListError
from newsletter.i18n.language import is_form_of, language_of_words
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import LanguageName
from newsletter.issues.corrections import Note, readied_correction, require_written
from newsletter.issues.model import Block, Issue, LineBreak, Paragraph, Text
from newsletter.issues.translations import complete_translations, translated
from newsletter.mailings.archive import languages_sent
from newsletter.mailings.planning.content import load_recipe
from newsletter.rendering.model import EarlierTranslation, Recipe

_LONGEST_NOTE = 1000
_NONE: Mapping[str, str] = MappingProxyType({})


def note_languages(session: Session, issue_id: int) -> Sequence[str]:
    """Return the language tags of an issue's published translations."""
    return sorted(languages_sent(session, issue_id))


def keep_note(
    session: Session, issue_id: int, note: str, translations: Mapping[str, str] = _NONE
) -> None:
    """Store the note of a correction that is not in effect yet.

    Approval that was requested or given with another note becomes invalid.

    Args:
        session: The database session, in a transaction.
        issue_id: The sent issue.
        note: The note in the issue's language.
        translations: The note in other languages, by tag. They replace all earlier ones; blank ones
            are ignored.

    Raises:
        ConflictError: The issue has no correction that is being written.
        ListError: A note is too long, or the issue was not sent in its language.
    """
    words = _read(note)
    others = {tag: read for tag, each in translations.items() if (read := _read(each))}
    known = note_languages(session, issue_id) if others else ()
    for tag in others:
        if tag not in known:
            raise ListError(
                msg("The issue was not sent in {language}.", language=LanguageName(tag)),
                remedy=msg("Write the note in the languages in which readers have the issue."),
            )
    row = require_written(session, issue_id)
    if (row.note, row.note_translations) == (words, others):
        return
    row.note, row.note_translations = words, others
    issue = readied_correction(session, issue_id)
    if issue is not None:
        issue.updated_at = now()
    session.flush()


def _read(note: str) -> str:
    words = note.replace("\r\n", "\n").strip()
    if len(words) > _LONGEST_NOTE:
        raise ListError(msg("The note has more than {limit} characters.", limit=_LONGEST_NOTE))
    return words


def note_paragraph(note: Note, tag: str, original: str) -> Paragraph:
    """Return a note in a language, or in ``original`` if it has no such translation."""
    words, is_translated = note.said_in(tag)
    other = "" if is_translated or tag == original else original
    return _paragraph(words, language_tag=other)


def fixed_words(words: Message, tag: str) -> Paragraph:
    """Return a text of the product in the closest language in which it exists."""
    language = language_of_words(tag)
    other = "" if is_form_of(tag, language.value) else language.value
    return _paragraph(words.in_language(language), language_tag=other)


def _paragraph(words: str, *, language_tag: str) -> Paragraph:
    content: list[Text | LineBreak] = []
    for line in words.split("\n"):
        content += [LineBreak(), Text(text=line)] if content else [Text(text=line)]
    return Paragraph(content=tuple(content), language_tag=language_tag)


def with_earlier(
    session: Session, mailing_id: int, recipe: Recipe, after: Issue, note: Note
) -> Recipe:
    """Return the recipe of a corrected mailing, with its translations that are not corrected.

    Args:
        session: The database session.
        mailing_id: The mailing; its stored content is still the earlier one.
        recipe: The recipe of the corrected issue.
        after: The corrected issue, with its incomplete translations.
        note: The correction's note, which is shown to readers of these translations.
    """
    before = load_recipe(session, mailing_id)
    if before is None:
        return recipe
    known = {each.language for each in after.translations}
    complete = {each.language for each in complete_translations(recipe.issue)}
    left = [each for each in translations_of(before) if each.language in known - complete]
    return replace(recipe, earlier=tuple(_noticed(each, note, after.tag) for each in left))


def translations_of(recipe: Recipe) -> tuple[EarlierTranslation, ...]:
    """Return the translations of a mailing."""
    complete = tuple(
        EarlierTranslation(
            language=each.language, issue=translated(recipe.issue, each.language), notice=()
        )
        for each in complete_translations(recipe.issue)
    )
    return (*complete, *recipe.earlier)


def _noticed(earlier: EarlierTranslation, note: Note, original: str) -> EarlierTranslation:
    first: tuple[Block, ...] = (fixed_words(_NOTICE, earlier.language),)
    lacked = note_paragraph(note, earlier.language, original)
    return replace(earlier, notice=(*(earlier.notice or first), lacked))


_NOTICE = msg(
    "The original of this issue has been corrected. This translation is as it was before the "
    "correction; view it in your browser for a link to the corrected original."
)
