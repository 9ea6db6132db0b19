"""Translations that a correction of their original leaves behind: read on as they were sent.

Whoever reads one is told so in its language, with the note of each correction that it lacks, until
a correction mends the translation, too. Whose draft has the translation no more withdraws it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from newsletter.i18n.messages import msg
from newsletter.issues.corrections import Note
from newsletter.issues.model import Block, Issue
from newsletter.issues.translations import complete_translations, translated
from newsletter.mailings.corrections.notes import fixed_words, note_paragraph
from newsletter.mailings.planning.content import load_recipe
from newsletter.rendering.model import EarlierTranslation, Recipe


def with_earlier(
    session: Session, mailing_id: int, recipe: Recipe, after: Issue, note: Note
) -> Recipe:
    """Return what a corrected mailing is rendered from, with the translations left behind.

    Args:
        session: To read with.
        mailing_id: The mailing, of which the earlier content is the newest still.
        recipe: Of the corrected issue.
        after: What the issue will say, with its incomplete translations.
        note: Of the correction; readers of these are shown it.
    """
    before = load_recipe(session, mailing_id)
    if before is None:
        return recipe
    known = {each.language for each in after.translations}
    complete = {each.language for each in complete_translations(recipe.issue)}
    left = [each for each in translations_of(before) if each.language in known - complete]
    return replace(recipe, earlier=tuple(_noticed(each, note, after.tag) for each in left))


def translations_of(recipe: Recipe) -> tuple[EarlierTranslation, ...]:
    """Return what a mailing says in each language besides its original's."""
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
