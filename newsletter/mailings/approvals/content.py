"""The digest of a mail's content, by which an approval refers to exactly this content."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from newsletter.database.tables import NewsletterRow
from newsletter.issues.corrections import Note
from newsletter.mailings.trials.subjects import SubjectTrial
from newsletter.rendering.model import RenderedIssue
from subscribers.segments.saved import segment_name

_NO_NOTE = Note()


def content_digest(
    newsletter: NewsletterRow,
    rendered: RenderedIssue,
    trial: SubjectTrial | None = None,
    *,
    note: Note = _NO_NOTE,
) -> str:
    """Return the digest of a mail's content and sender.

    The subjects of a trial are part of the content; its size and time are not. ``note`` is the note
    of a correction, which readers see above the content.
    """
    sender: tuple[object, ...]
    sender = (newsletter.from_name, newsletter.from_address, newsletter.reply_to)
    if newsletter.count_clicks:
        sender = (*sender, "counts clicks")
    parts: tuple[object, ...] = (rendered.subject, rendered.html, rendered.text, sender)
    if rendered.variants is not None and rendered.recipe is not None:
        # The conditions are included, since they determine who gets which part; and the rest of the
        # recipe, since variants have content that the rendering above does not show.
        recipe = rendered.recipe
        own = dict(recipe.publisher.templates).get(recipe.template)
        parts = (*parts, recipe.issue, recipe.files, own, recipe.publisher.theme)
        parts = (*parts, *_queries(newsletter, rendered.variants.conditions))
    if trial is not None:
        parts = (*parts, trial.others)
    if note.original:
        parts = (*parts, "note", note.original, *sorted(note.translations.items()))
    return sha256(repr(parts).encode()).hexdigest()


def _queries(newsletter: NewsletterRow, conditions: Sequence[str]) -> Iterator[str]:
    """Yield the queries of the saved segments named by conditions, in order."""
    saved = {segment_name(row.name): row.query for row in newsletter.segments}
    for condition in conditions:
        if (query := saved.get(segment_name(condition))) is not None:
            yield query
