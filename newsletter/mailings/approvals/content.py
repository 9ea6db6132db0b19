"""What is approved: the content of one mail, told from every other's by a digest."""

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
    """Return what tells one mail's content and sender from every other's.

    The subjects of a trial are part of the content; its share and hour are not. ``note`` is a
    correction's, which readers see above it.
    """
    sender: tuple[object, ...]
    sender = (newsletter.from_name, newsletter.from_address, newsletter.reply_to)
    if newsletter.count_clicks:
        sender = (*sender, "counts clicks")
    parts: tuple[object, ...] = (rendered.subject, rendered.html, rendered.text, sender)
    if rendered.variants is not None and rendered.recipe is not None:
        # Its conditions too: they say who gets which of what is shown above. And what else the
        # variants are made from, of which what is rendered above may show nothing.
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
    """Yield what the saved segments ask for that conditions name, in the order of these."""
    saved = {segment_name(row.name): row.query for row in newsletter.segments}
    for condition in conditions:
        if (query := saved.get(segment_name(condition))) is not None:
            yield query
