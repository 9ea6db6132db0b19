"""Translations that a correction of their original leaves behind: read on as they were sent.

Whoever reads one is told so in its language, with the note of each correction that it lacks, until
a correction mends the translation, too. Whose draft has the translation no more withdraws it.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from newsletter.i18n.messages import msg
from newsletter.issues.corrections import Correction
from newsletter.issues.model import Block, Issue, LineBreak, Paragraph, Text
from newsletter.issues.translations import complete_translations, translated
from newsletter.mailings.planning.content import load_recipe
from newsletter.rendering.model import EarlierTranslation, Recipe


def with_earlier(
    session: Session, mailing_id: int, recipe: Recipe, after: Issue, correction: Correction
) -> Recipe:
    """Return what a corrected mailing is rendered from, with the translations left behind.

    Args:
        session: To read with.
        mailing_id: The mailing, of which the earlier content is the newest still.
        recipe: Of the corrected issue.
        after: What the issue will say, with its incomplete translations.
        correction: Whose note readers of these are shown.
    """
    before = load_recipe(session, mailing_id)
    if before is None:
        return recipe
    known = {each.language for each in after.translations}
    complete = {each.language for each in complete_translations(recipe.issue)}
    left = [each for each in _translations_of(before) if each.language in known - complete]
    return replace(recipe, earlier=tuple(_noticed(each, correction) for each in left))


def _translations_of(recipe: Recipe) -> tuple[EarlierTranslation, ...]:
    """Return what a mailing says in each language besides its original's."""
    complete = tuple(
        EarlierTranslation(
            language=each.language, issue=translated(recipe.issue, each.language), notice=()
        )
        for each in complete_translations(recipe.issue)
    )
    return (*complete, *recipe.earlier)


def _noticed(earlier: EarlierTranslation, correction: Correction) -> EarlierTranslation:
    first: tuple[Block, ...] = (paragraph(_NOTICE.in_language(earlier.issue.language)),)
    lacked = paragraph(*correction.note.split("\n"))
    return replace(earlier, notice=(*(earlier.notice or first), lacked))


_NOTICE = msg(
    "The original of this issue has been corrected. This translation is as it was before the "
    "correction; view it in your browser for a link to the corrected original."
)


def paragraph(*lines: str) -> Paragraph:
    """Return lines as one paragraph of plain text."""
    content: list[Text | LineBreak] = []
    for line in lines:
        content += [LineBreak(), Text(text=line)] if content else [Text(text=line)]
    return Paragraph(content=tuple(content))
