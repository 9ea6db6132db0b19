"""What templates are called in choices: the product's by what they are, others by their names."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.rendering.model import OWN

STRUCTURES: Mapping[str, Message] = {
    "digest": pmsg("template", "Digest: a table of contents, chapters one below the other"),
    "letter": pmsg("template", "Letter: one run of text"),
}


def structure_name(name: str, language: Language) -> str:
    """Return what a template is called."""
    if name.startswith(OWN):
        label = msg("Your own: {name}", name=name.removeprefix(OWN))
        return label.in_language(language)
    known = STRUCTURES.get(name)
    return known.in_language(language) if known else name
