"""Each column of a subscription: its name for people, and its handling by every action.

Importing, exporting, merging, moving, undoing imports and erasing take their columns from this one
table. A test compares the table with the model, so that whoever adds a column must decide here how
every action handles it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from newsletter.i18n.messages import msg, pmsg
from newsletter.i18n.values import Worded


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
        label: Its name on pages, in exports for people and in histories; None for keys.
        imported: Whether lists bring and exports write it, under its name.
        restored: Whether undoing an import restores it, from `ImportChangeRow`.
        merging: How merging handles it.
        moves: Whether it is copied to the subscription of the reader's new address.
        emptied: The value that erasing writes; None if the column is kept, such as evidence.
    """

    label: Worded | None
    imported: bool = True
    restored: bool = True
    merging: Merging
    moves: bool
    emptied: str | Mapping[str, Any] | None = None


_KEY = Handling(label=None, imported=False, restored=False, merging=Merging.NOTHING, moves=False)


def _consent(label: Worded) -> Handling:
    """Return the handling of consent, which is not moved: the change of address is a new one."""
    return Handling(label=label, merging=Merging.WITH_CONSENT, moves=False)


def _personal(label: Worded) -> Handling:
    return Handling(label=label, merging=Merging.CHOSEN, moves=True, emptied="")


def _wish(label: Worded) -> Handling:
    """Return the handling of a preference about mail, which is no personal data."""
    return Handling(label=label, merging=Merging.CHOSEN, moves=True)


HANDLING: Mapping[str, Handling] = {
    "newsletter_id": _KEY,
    "subscriber_id": _KEY,
    "name": _personal(msg("Name")),
    "language": _personal(msg("Language")),
    "time_zone": _personal(msg("Time zone")),
    "format": _wish(msg("Form of the mail")),
    "frequency": _wish(pmsg("reader", "How often")),
    "state": _consent(msg("State of the subscription")),
    "consent_basis": _consent(msg("Basis of consent")),
    "consent_source": _consent(msg("Source of consent")),
    "consent_wording": _consent(msg("Wording of consent")),
    "consented_at": _consent(msg("When they consented")),
    "confirmed_at": _consent(msg("When they confirmed")),
    "unsubscribed_at": _consent(msg("When they unsubscribed")),
    # An import sets it for new people only.
    "paused_until": Handling(
        label=msg("Paused until"), restored=False, merging=Merging.WITH_CONSENT, moves=True
    ),
    "attributes": Handling(
        label=msg("Attributes (JSON)"), merging=Merging.BY_FIELD, moves=True, emptied={}
    ),
    # Undoing an import compares it, to see whether the row was changed since the import.
    "changed_at": Handling(
        label=msg("Last change"), imported=False, merging=Merging.NOTHING, moves=False
    ),
}

#: The names of columns for people.
LABELS: Mapping[str, Worded] = {
    name: each.label for name, each in HANDLING.items() if each.label is not None
}
#: Columns that lists bring and exports write.
IMPORTED = tuple(name for name, each in HANDLING.items() if each.imported)
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
