"""The languages in which readers may have a newsletter's mail."""

from __future__ import annotations

from newsletter.database.tables import NewsletterRow
from newsletter.i18n.language import Language, closest_language, own_language_name


def mail_languages(newsletter: NewsletterRow) -> tuple[str, ...]:
    """Return the tags that readers may choose: its own, those it is translated into, our pages'."""
    tags = (newsletter.language.value, *newsletter.languages)
    return tuple(dict.fromkeys((*tags, *(each.value for each in Language))))


def named_languages(newsletter: NewsletterRow) -> list[tuple[str, str]]:
    """Return the languages that readers may choose, with what their speakers call them."""
    return [(tag, own_language_name(tag)) for tag in mail_languages(newsletter)]


def chosen_language(newsletter: NewsletterRow, language: str) -> str:
    """Return which of the languages to choose from somebody's own is, or comes closest to."""
    offered = mail_languages(newsletter)
    return closest_language(language, offered) or newsletter.language.value
