"""Newsletters: creating, reading and changing them in the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.database.tables import NewsletterRow, PeopleGroupRow
from newsletter.database.types import now
from newsletter.database.vocabulary import Joining, Visibility
from newsletter.edit_conflicts import Merged, merge_changes
from newsletter.errors import ConflictError, ListError, NotFoundError, Place
from newsletter.i18n.language import Language, closest_language, own_language_name, read_language
from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.links import find_url_fault
from newsletter.issues.translations import MOST_TRANSLATIONS
from newsletter.newsletters.look.designs import find_design
from newsletter.newsletters.look.model import look_to_json

#: A stored newsletter.
Newsletter = NewsletterRow
#: ``new`` is the address of the page for creating newsletters.
_SLUG = r"(?!new$)[a-z0-9][a-z0-9-]{0,62}"
#: Maximum lengths, as the widths of the columns.
_NAME, _ADDRESS, _TEXT = 200, 320, 2000
_EMPTY = msg("This must be filled in.")
_ADDRESSES = ("from_address", "reply_to", "bounce_address", "unsubscribe_address")
_NEEDED = ("name", "from_address", "postal_address")


def day_in(newsletter: Newsletter) -> date:
    """Return the present date in a newsletter's time zone."""
    return now().astimezone(ZoneInfo(newsletter.time_zone)).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsletterSettings:
    """The settings of a newsletter that can be changed; see `NewsletterRow`.

    If the addresses for bounces and for unsubscribing are empty, they are on the sender's domain.
    """

    name: str
    from_address: str
    postal_address: str
    from_name: str = ""
    reply_to: str = ""
    bounce_address: str = ""
    unsubscribe_address: str = ""
    website_url: str = ""
    contact_url: str = ""
    language: Language = Language.JAPANESE
    languages: tuple[str, ...] = ()
    time_zone: str = "Asia/Tokyo"
    template: str = "digest"
    visibility: Visibility = Visibility.PRIVATE
    joining: Joining = Joining.UNLISTED
    description: str = ""
    approval_required: bool = False
    count_clicks: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsletterDraft(NewsletterSettings):
    """The settings for a new newsletter, with its design."""

    slug: str
    design: str = "standard"


def find_faults(settings: NewsletterSettings) -> dict[str, Message]:
    """Return the errors in settings, by field; empty if all are valid.

    Whether the template exists is not checked here, but when rendering.
    """
    texts = {
        name: value
        for name in (field.name for field in fields(NewsletterSettings))
        if isinstance(value := getattr(settings, name), str)
    }
    faults = {name: fault for name, text in texts.items() if (fault := _text_fault(name, text))}
    faults |= {
        name: fault
        for name in _ADDRESSES
        if name not in faults and texts[name] and (fault := _address_fault(texts[name]))
    }
    faults |= {
        name: fault
        for name in ("website_url", "contact_url")
        if name not in faults and texts[name] and (fault := _url_fault(texts[name]))
    }
    unknown = [each for each in settings.languages if not read_language(each)]
    if unknown:
        faults["languages"] = msg("“{text}” is not a language.", text=unknown[0][:60])
    elif len(settings.languages) > MOST_TRANSLATIONS:
        faults["languages"] = msg(
            "An issue has at most {limit} translations.", limit=MOST_TRANSLATIONS
        )
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults["time_zone"] = msg(
            "There is no time zone “{time_zone}”. Use an IANA name, such as Asia/Tokyo.",
            time_zone=settings.time_zone,
        )
    if isinstance(settings, NewsletterDraft) and not re.fullmatch(_SLUG, settings.slug):
        faults["slug"] = msg(
            "“{slug}” cannot be used as the short name of a newsletter. Use "
            "lower-case letters, digits and hyphens.",
            slug=settings.slug,
        )
    return faults


def _text_fault(name: str, text: str) -> Message | None:
    if name in _NEEDED and not text.strip():
        return _EMPTY
    longest = _ADDRESS if name in _ADDRESSES else _NAME if name.endswith("name") else _TEXT
    if len(text) > longest:
        return msg("Keep it within {longest} characters.", longest=longest)
    if name != "postal_address" and not text.isprintable():
        return msg("It cannot contain line breaks or control characters.")
    return None


def _address_fault(text: str) -> Message | None:
    try:
        parse_address(text)
    except ListError as error:
        return error.message
    return None


def _url_fault(text: str) -> Message | None:
    if not text.startswith(("https://", "http://")):
        return msg("It must begin with https://.")
    fault = find_url_fault(text)
    return fault.message if fault else None


def create_newsletter(
    session: Session, draft: NewsletterDraft, *, sharing: Newsletter | None = None
) -> NewsletterRow:
    """Create a newsletter.

    Args:
        session: The database session, in a transaction.
        draft: The settings.
        sharing: The newsletter with which it shares people's fields; None for a group of its own.

    Raises:
        ListError: A setting is not valid.
        ConflictError: The slug is taken.
        NotFoundError: There is no such design.
    """
    _refuse_faults(draft)
    if session.scalar(select(NewsletterRow.id).where(NewsletterRow.slug == draft.slug)):
        raise ConflictError(msg("There is already a newsletter “{slug}”.", slug=draft.slug))
    sender = parse_address(draft.from_address)
    row = NewsletterRow(
        group_id=sharing.group_id if sharing else _new_group(session, draft.name),
        slug=draft.slug,
        list_id=f"{draft.slug}.{sender.domain}",
        look=look_to_json(find_design(draft.design).look),
        **_columns(draft),
    )
    session.add(row)
    session.flush()
    return row


def _new_group(session: Session, name: str) -> int:
    group = PeopleGroupRow(name=name)
    session.add(group)
    session.flush()
    return group.id


def settings_of_newsletter(row: NewsletterRow) -> NewsletterSettings:
    """Return a newsletter's settings."""
    values = {field.name: getattr(row, field.name) for field in fields(NewsletterSettings)}
    return NewsletterSettings(**values | {"languages": tuple(row.languages)})


def merge_settings(
    shown: str, settings: NewsletterSettings, row: NewsletterRow
) -> Merged[NewsletterSettings]:
    """Merge settings with changes by other people; see `newsletter.edit_conflicts`."""
    tags = (read_language(name) or name for name in settings.languages)
    normal = replace(settings, languages=tuple(dict.fromkeys(tags)))
    return merge_changes(shown, normal, settings_of_newsletter(row))


def change_newsletter(
    row: NewsletterRow, settings: NewsletterSettings
) -> dict[str, tuple[object, object]]:
    """Change a newsletter's settings; return the changes, as old and new value by field.

    Mailings under way keep the settings with which they were ordered. The List-Id (RFC 2919) never
    changes, even with the sender's domain, since readers filter their mail by it.

    Raises:
        ListError: A setting is not valid.
    """
    _refuse_faults(settings)
    columns = _columns(settings)
    changed = {
        name: (getattr(row, name), value)
        for name, value in columns.items()
        if getattr(row, name) != value
    }
    for name, (_, value) in changed.items():
        setattr(row, name, value)
    return changed


def _refuse_faults(settings: NewsletterSettings) -> None:
    for name, fault in find_faults(settings).items():
        raise ListError(fault, place=Place(field=name))


def _columns(settings: NewsletterSettings) -> dict[str, Any]:
    values = {field.name: getattr(settings, field.name) for field in fields(NewsletterSettings)}
    values |= {name: parse_address(values[name]).address for name in _ADDRESSES if values[name]}
    domain = values["from_address"].rpartition("@")[2]
    languages = dict.fromkeys(map(read_language, settings.languages))
    return values | {
        "languages": [each for each in languages if each != settings.language.value],
        "from_name": settings.from_name or settings.name,
        "bounce_address": values["bounce_address"] or f"bounces@{domain}",
        "unsubscribe_address": values["unsubscribe_address"] or f"unsubscribe@{domain}",
    }


def join_address(row: NewsletterRow) -> str:
    """Return the address for joining by an empty mail, if that is enabled."""
    return f"join+{row.slug}@{row.unsubscribe_address.rpartition('@')[2].lower()}"


def find_newsletter_if_any(session: Session, slug: str | None) -> NewsletterRow | None:
    """Return the result of `find_newsletter`; None if no slug is given and none exists.

    Raises:
        NotFoundError: See `find_newsletter`.
    """
    if slug is None and not list_newsletters(session):
        return None
    return find_newsletter(session, slug)


def find_newsletter(session: Session, slug: str | None) -> NewsletterRow:
    """Return a newsletter by its slug, or the only one when ``slug`` is None.

    Raises:
        NotFoundError: There is none, or more than one to choose from.
    """
    rows = list_newsletters(session)
    matching = [row for row in rows if slug is None or row.slug == slug]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(row.slug for row in rows)
    if not rows:
        raise NotFoundError(
            msg("There is no newsletter yet."), command=msg("Create one with: newsletter init.")
        )
    if slug is None:
        raise NotFoundError(
            msg("There is more than one newsletter."),
            command=msg("Choose one with --newsletter: {names}.", names=names),
        )
    raise NotFoundError(
        msg("There is no newsletter “{slug}”.", slug=slug),
        remedy=msg("The choices are: {names}.", names=names),
    )


def list_newsletters(session: Session) -> Sequence[NewsletterRow]:
    """Return all newsletters by slug."""
    return session.scalars(select(NewsletterRow).order_by(NewsletterRow.slug)).all()


def get_newsletter(session: Session, newsletter_id: int) -> Newsletter:
    """Return the newsletter with an id, which must exist."""
    return session.get_one(NewsletterRow, newsletter_id)


def list_sharing(session: Session, newsletter_id: int) -> Sequence[NewsletterRow]:
    """Return the newsletters of the same group, including this one, by slug."""
    group = select(NewsletterRow.group_id).where(NewsletterRow.id == newsletter_id)
    return session.scalars(
        select(NewsletterRow)
        .where(NewsletterRow.group_id == group.scalar_subquery())
        .order_by(NewsletterRow.slug)
    ).all()


def number_of(session: Session, slug: str) -> int | None:
    """Return the id of the newsletter with a slug; None if there is none."""
    return session.scalar(select(NewsletterRow.id).where(NewsletterRow.slug == slug))


def mail_languages(newsletter: NewsletterRow) -> tuple[str, ...]:
    """Return the tags of the languages that readers may choose.

    These are the newsletter's own, those of its translations, and those of our pages.
    """
    tags = (newsletter.language.value, *newsletter.languages)
    return tuple(dict.fromkeys((*tags, *(each.value for each in Language))))


def named_languages(newsletter: NewsletterRow) -> list[tuple[str, str]]:
    """Return the languages that readers may choose, each with its name in that language."""
    return [(tag, own_language_name(tag)) for tag in mail_languages(newsletter)]


def chosen_language(newsletter: NewsletterRow, language: str) -> str:
    """Return the offered language that is closest to a reader's."""
    offered = mail_languages(newsletter)
    return closest_language(language, offered) or newsletter.language.value
