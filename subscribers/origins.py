"""What the product writes of how somebody consented, in the words of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from newsletter.i18n.messages import Message, msg, written
from subscribers.address_changes import BY_ADDRESS_CHANGE
from subscribers.joining import (
    BASIS,
    BY_HAND,
    BY_MAIL,
    CONFIRMATION_MAIL,
    OWN_PAGE,
    PREFERENCES_PAGE,
)

#: By the code that the consent record keeps.
ORIGINS: Mapping[str, Message] = {
    BASIS: msg("Confirmed by a mailed link (double opt-in)"),
    OWN_PAGE: msg("Agreed on the reader’s own page, opened by a link from a mail to the address"),
    BY_HAND: msg("Entered by hand"),
    PREFERENCES_PAGE: msg("Settings page of a reader"),
    CONFIRMATION_MAIL: msg("Link in the confirmation mail"),
}
#: The same of what ends in a name, by how it begins.
NAMED_ORIGINS: Mapping[str, Callable[[str], Message]] = {
    BY_MAIL: lambda address: msg("Mail to {address}", address=address),
    BY_ADDRESS_CHANGE: lambda number: msg("Change of address {number}", number=number),
}


def origin_words(recorded: str) -> Message:
    """Return what a basis or source of consent says; what a list or the staff wrote as it is."""
    if recorded in ORIGINS:
        return ORIGINS[recorded]
    for begin, named in NAMED_ORIGINS.items():
        if recorded.startswith(begin):
            return named(recorded.removeprefix(begin))
    return written(recorded)
