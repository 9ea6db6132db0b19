"""Telephone numbers and mail addresses of contact boxes."""

from __future__ import annotations

import re

from newsletter.i18n.normal_form import normal_form

#: A number in full, or one of the short ones that public services have, such as 188 and #7119.
_NUMBER = re.compile(r"[+(]?[0-9][-0-9.() ]{6,}[0-9]|(?<![-0-9])#?[0-9]{3,4}(?![-0-9])")
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}"
)


def half_width(text: str) -> str:
    """Return a number or an address with its letters, digits, hyphens and brackets in ASCII."""
    return re.sub("[\u2010-\u2015\u2212\u30fc]", "-", normal_form(text)).strip()


def dialled(phone: str) -> str:
    """Return what a telephone dials for a number as it is printed; empty for what is none.

    Words around it, such as an extension, are no part of it.
    """
    match = _NUMBER.search(half_width(phone))
    return re.sub(r"[^+0-9#]", "", match[0]).replace("#", "%23") if match else ""


def is_email(text: str) -> bool:
    """Whether a text is one mail address in ASCII, as mail programs open it."""
    return bool(_EMAIL.fullmatch(text))
