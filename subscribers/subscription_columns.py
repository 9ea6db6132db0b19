"""What becomes of each column of a subscription when people are merged, moved, undone or erased.

One table, from which each of these actions takes its columns. A test compares it with the model:
whoever adds a column decides here what every action does with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Merging(StrEnum):
    """What the one who is kept gets of a column when two people become one."""

    #: Each subscription has its own.
    NOTHING = "nothing"
    #: The other's, where the subscription goes on by the other's consent.
    WITH_CONSENT = "with-consent"
    #: The other's, where it was chosen or nothing else is known.
    CHOSEN = "chosen"
    #: The values of both, field by field.
    BY_FIELD = "by-field"


@dataclass(frozen=True, kw_only=True, slots=True)
class Handling:
    """What becomes of one column.

    Attributes:
        imported: Whether a list brings it, by its name in `subscribers.lists.words.formats.FIELDS`.
        restored: Whether undoing an import gives it back, from `ImportChangeRow`.
        merging: What the one who is kept gets of it.
        moves: Whether a new address of the reader takes it along.
        emptied: What erasing leaves in it; None where it stays, as what proves the past does.
    """

    imported: bool
    restored: bool
    merging: Merging
    moves: bool
    emptied: str | Mapping[str, Any] | None


_KEY = Handling(imported=False, restored=False, merging=Merging.NOTHING, moves=False, emptied=None)
#: A new address consents anew, by the change of address.
_CONSENT = Handling(
    imported=True, restored=True, merging=Merging.WITH_CONSENT, moves=False, emptied=None
)
_PERSONAL = Handling(imported=True, restored=True, merging=Merging.CHOSEN, moves=True, emptied="")
#: How mail is wanted, which names nobody.
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
    # A list says it of new people only.
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
    # Tells by the time whether somebody changed a row since an import wrote it.
    "changed_at": Handling(
        imported=False, restored=True, merging=Merging.NOTHING, moves=False, emptied=None
    ),
}

#: What undoing an import gives back.
RESTORED = tuple(name for name, each in HANDLING.items() if each.restored)
#: What a new address takes along.
TAKEN_ALONG = tuple(name for name, each in HANDLING.items() if each.moves)
#: What of two people is to be chosen, and what goes with the consent.
CHOSEN = tuple(name for name, each in HANDLING.items() if each.merging is Merging.CHOSEN)
WITH_CONSENT = tuple(
    name for name, each in HANDLING.items() if each.merging is Merging.WITH_CONSENT
)
#: What erasing leaves, by column.
EMPTIED = {name: each.emptied for name, each in HANDLING.items() if each.emptied is not None}
