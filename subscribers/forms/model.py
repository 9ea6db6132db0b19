"""The definition of a form: its fields, texts and preset values, and the rules for them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import idna

from newsletter.errors import ListError, Place
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.normal_form import split_url
from newsletter.i18n.values import Listing, Number
from newsletter.settings import LOOPBACK
from subscribers.fields.model import Field, field_of, is_clean
from subscribers.people import LONGEST_TAG

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
#: Words with another meaning at the place of a form's short name in URLs.
RESERVED_SLUGS = frozenset({"challenge", "form", "sheet", "sites"})
_TITLE, _INTRODUCTION, _BUTTON, _URL = 200, 2_000, 60, 2_000
_MOST_TAGS = 20
#: The largest numbers of forms and of their websites for each newsletter.
MOST_FORMS, MOST_SITES = 200, 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Sites:
    """The origins of the websites that may embed a newsletter's forms."""

    origins: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinForm:
    """The definition of a form; see `FormRow` for each attribute.

    Attributes:
        id: None for the newsletter's own form, which always exists.
        language: None for the language of the reader.
    """

    id: int | None = None
    slug: str = ""
    title: str = ""
    introduction: str = ""
    button: str = ""
    language: Language | None = None
    asks_name: bool = True
    asks_frequency: bool = False
    fields: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    success_url: str = ""

    @property
    def kept(self) -> dict[str, Any]:
        """What is kept of it beside its name, as the database and JSON have it."""
        return {
            "title": self.title,
            "introduction": self.introduction,
            "button": self.button,
            "language": self.language.value if self.language else "",
            "asks_name": self.asks_name,
            "asks_frequency": self.asks_frequency,
            "fields": list(self.fields),
            "tags": list(self.tags),
            "success_url": self.success_url,
        }

    def asked_of(self, known: Sequence[Field]) -> tuple[Field, ...]:
        """Return the fields of the form, without fields that were deleted since."""
        fields = (field_of(known, key) for key in self.fields)
        return tuple(field for field in fields if field is not None)


#: A newsletter's own form without fields, which is also used for requests by mail.
OWN_FORM = JoinForm()


def own_form(known: Iterable[Field]) -> JoinForm:
    """Return the newsletter's own form, with the fields that are asked for on joining."""
    return JoinForm(
        asks_frequency=True, fields=tuple(field.key for field in known if field.ask_on_joining)
    )


def check_form(form: JoinForm, known: Sequence[Field], sites: Collection[str]) -> JoinForm:
    """Return a valid form with trimmed texts.

    Args:
        form: The form as it was entered.
        known: The existing fields.
        sites: The origins of the newsletter's websites.

    Raises:
        ListError: The form is invalid; the place names the wrong part.
    """
    if not _SLUG.fullmatch(form.slug) or form.slug in RESERVED_SLUGS:
        raise _fault(
            "slug",
            msg("“{slug}” cannot be the short name of a form.", slug=form.slug[:60]),
            msg(
                "Use a-z, 0-9 and hyphens, at most 40 characters; {words} are taken.",
                words=Listing(tuple(sorted(RESERVED_SLUGS))),
            ),
        )
    for key in form.fields:
        if field_of(known, key) is None:
            raise _fault(
                "fields",
                msg("There is no field “{name}”.", name=key[:60]),
                msg("The fields are: {names}.", names=Listing(tuple(each.key for each in known))),
            )
    return JoinForm(
        id=form.id,
        slug=form.slug,
        title=_text("title", form.title, _TITLE),
        introduction=_text("introduction", form.introduction, _INTRODUCTION, lines=True),
        button=_text("button", form.button, _BUTTON),
        language=form.language,
        asks_name=form.asks_name,
        asks_frequency=form.asks_frequency,
        fields=tuple(dict.fromkeys(form.fields)),
        tags=_tags(form.tags),
        success_url=_success_url(form.success_url.strip(), sites),
    )


def _tags(given: Iterable[str]) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(filter(None, (_text("tags", tag, LONGEST_TAG) for tag in given))))
    if len(tags) > _MOST_TAGS:
        raise _fault(
            "tags",
            msg("There are more than {limit} tags.", limit=Number(_MOST_TAGS)),
            msg("Leave some out."),
        )
    return tags


def _success_url(url: str, sites: Collection[str]) -> str:
    """Return a URL on one of the sites; a form must not redirect to other websites."""
    if not url:
        return ""
    if len(url) > _URL or not is_clean(url) or origin_of(url) not in sites:
        raise _fault(
            "success_url",
            msg("The page after sending is not on one of the newsletter’s websites."),
            msg("Enter the address of a page there, or add the website first."),
        )
    return url


def origin_of(url: str) -> str:
    """Return the origin of a URL, such as ``https://www.example.jp``; empty if it has none."""
    try:
        parts = split_url(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"https", "http"} or not host or parts.username is not None:
        return ""
    bracketed = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{bracketed}{f':{port}' if port not in {None, usual} else ''}"


def read_site(text: str) -> str:
    """Return the origin of a website, entered as a host name or as any URL on it.

    Raises:
        ListError: The text is not a website, or is without TLS, except for this machine.
    """
    typed = text.strip()
    url = typed if "://" in typed else f"https://{typed}"
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    try:
        if not authority.isascii():
            authority = idna.encode(authority, uts46=True).decode("ascii")
        origin = origin_of(f"{scheme.lower()}://{authority}{slash}{path}")
    except idna.IDNAError:
        origin = ""
    host = urlsplit(origin).hostname or ""
    is_named = "." in host or host in LOOPBACK
    if not origin or not is_named or not re.fullmatch(r"[a-z0-9.:\[\]-]+", origin.split("//")[1]):
        raise _fault(
            "sites",
            msg("“{text}” is not the address of a website.", text=typed[:100]),
            msg("Write it as https://www.example.jp."),
        )
    if origin.startswith("http://") and host not in LOOPBACK:
        raise _fault(
            "sites",
            msg("What is filled in at {origin} would be sent unencrypted.", origin=origin),
            msg("Use https:// there."),
        )
    return origin


def _text(place: str, text: str, length: int, *, lines: bool = False) -> str:
    kept = [" ".join(line.split()) for line in text.replace("\r\n", "\n").split("\n")]
    cleaned = "\n".join(kept).strip() if lines else " ".join(kept).strip()
    if len(cleaned) > length:
        raise _fault(
            place,
            msg("The text has more than {limit} characters.", limit=Number(length)),
            msg("Shorten it."),
        )
    if not all(map(is_clean, cleaned.split("\n"))):
        raise _fault(
            place,
            msg("The text contains a control character."),
            msg("Write it anew, without copying it."),
        )
    return cleaned


def _fault(place: str, what: Message, remedy: Message) -> ListError:
    return ListError(what, place=Place(field=place), remedy=remedy)
