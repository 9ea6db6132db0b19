"""The handling of each column of a subscription by merging, moving, undoing imports and erasing.

Each of these actions takes its columns from this one table. A test compares the table with the
model, so that whoever adds a column must decide here how every action handles it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Merging(StrEnum):
    """How merging two people handles a column of the person who is kept."""

    #: The kept subscription's value stays.
    NOTHING = "nothing"
    #: The other subscription's value, if the subscription continues by the other person's consent.
    WITH_CONSENT = "with-consent"
    #: The other subscription's value, if it was chosen on purpose or the kept one has none.
    CHOSEN = "chosen"
    #: The values of both are combined, field by field.
    BY_FIELD = "by-field"


@dataclass(frozen=True, kw_only=True, slots=True)
class Handling:
    """The handling of one column.

    Attributes:
        imported: Whether an imported list can set it, by its name in
            `subscribers.lists.words.formats.FIELDS`.
        restored: Whether undoing an import restores it, from `ImportChangeRow`.
        merging: How merging handles it.
        moves: Whether it is copied to the subscription of the reader's new address.
        emptied: The value that erasing writes; None if the column is kept, such as evidence.
    """

    imported: bool
    restored: bool
    merging: Merging
    moves: bool
    emptied: str | Mapping[str, Any] | None


_KEY = Handling(imported=False, restored=False, merging=Merging.NOTHING, moves=False, emptied=None)
#: Consent is not copied to a new address, since the change of address is a new consent.
_CONSENT = Handling(
    imported=True, restored=True, merging=Merging.WITH_CONSENT, moves=False, emptied=None
)
_PERSONAL = Handling(imported=True, restored=True, merging=Merging.CHOSEN, moves=True, emptied="")
#: Preferences about mail, which are no personal data.
_WISH = Handling(imported=True, restored=True, merging=Merging.CHOSEN, moves=True, emptied=None)

HANDLING: Mapping[str, Handling] = {
    "newsletter_id": _KEY,
    "subscriber_id": _KEY,
    "state": _CONSENT,
    "consent_basis": _CONSENT,
    "consent_source": _CONSENT,
    "consent_wording": _CONSENT,
    "consented_at": _CONSENT,
    "confirmed_at": _CONSENT,
    "unsubscribed_at": _CONSENT,
    # An import sets it for new people only.
    "paused_until": Handling(
        imported=True, restored=False, merging=Merging.WITH_CONSENT, moves=True, emptied=None
    ),
    "name": _PERSONAL,
    "language": _PERSONAL,
    "time_zone": _PERSONAL,
    "format": _WISH,
    "frequency": _WISH,
    "attributes": Handling(
        imported=True, restored=True, merging=Merging.BY_FIELD, moves=True, emptied={}
    ),
    # Undoing an import compares it, to see whether the row was changed since the import.
    "changed_at": Handling(
        imported=False, restored=True, merging=Merging.NOTHING, moves=False, emptied=None
    ),
}

#: Columns that undoing an import restores.
RESTORED = tuple(name for name, each in HANDLING.items() if each.restored)
#: Columns that are copied to the subscription of a new address.
TAKEN_ALONG = tuple(name for name, each in HANDLING.items() if each.moves)
#: Columns that merging chooses from two people, and those that belong to the consent.
CHOSEN = tuple(name for name, each in HANDLING.items() if each.merging is Merging.CHOSEN)
WITH_CONSENT = tuple(
    name for name, each in HANDLING.items() if each.merging is Merging.WITH_CONSENT
)
#: The value that erasing writes, by column.
EMPTIED = {name: each.emptied for name, each in HANDLING.items() if each.emptied is not None}
