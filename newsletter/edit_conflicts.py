"""Forms of what another may edit meanwhile: only what differs from what was shown is changed.

A page says in a hidden field what it showed. What comes back as it was shown stays as it is now,
in whatever way another changed it; what was changed is taken. Where both changed the same, whoever
saves last is refused and told what is saved now. Of several options, those added and removed are
taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")


class EditConflictError(ConflictError):
    """Somebody else changed the same.

    Attributes:
        clashes: What is saved now of what both changed, by its name; that of a value within a
            mapping is ``ATTRIBUTE.KEY``.
    """

    def __init__(self, clashes: Mapping[str, object]) -> None:
        super().__init__(
            msg("Somebody else changed the same meanwhile."),
            remedy=msg("Check what is saved now, then save again."),
        )
        self.clashes = clashes


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged(Generic[_T]):
    """What is saved now with what somebody changed; of what both did, theirs, and what clashes."""

    value: _T
    clashes: Mapping[str, object]

    def demand(self) -> _T:
        """Return the value.

        Raises:
            EditConflictError: Somebody else changed the same.
        """
        if self.clashes:
            raise EditConflictError(self.clashes)
        return self.value


def shown_of(value: DataclassInstance) -> str:
    """Return what a form's hidden field says was shown."""
    named = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return json.dumps(named, ensure_ascii=False, separators=(",", ":"))


def merge_changes(shown: str, sent: _T, now: _T) -> Merged[_T]:
    """Return what is saved now with what differs in ``sent`` from what was shown.

    Args:
        shown: Of `shown_of`; where it is none, as with a command, all that was sent is taken.
        sent: What came by the form, normal as ``now`` is.
        now: What is saved, held until the transaction ends.
    """
    clashes: dict[str, object] = {}
    before = _read(shown)
    taken = {
        each.name: _merge(
            each.name, before[each.name], getattr(sent, each.name), getattr(now, each.name), clashes
        )
        for each in fields(sent)
        if each.name in before
    }
    return Merged(value=replace(sent, **taken), clashes=clashes)


def _merge(
    name: str, old: object, mine: object, theirs: object, clashes: dict[str, object]
) -> object:
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping) and isinstance(old, Mapping):
        # What was not there when it was shown, another may have added meanwhile.
        return {
            key: _merge(f"{name}.{key}", old.get(key), value, theirs[key], clashes)
            if key in theirs
            else value
            for key, value in mine.items()
        }
    if _plain(mine) == old:
        return theirs
    if _plain(theirs) == old or theirs == mine:
        return mine
    if (
        isinstance(mine, list | tuple)
        and isinstance(theirs, list | tuple)
        and isinstance(old, list)
    ):
        kept = [one for one in theirs if one in mine or one not in old]
        return type(mine)([*kept, *(one for one in mine if one not in [*old, *kept])])
    clashes[name] = theirs
    return mine


def _plain(value: object) -> object:
    """Return a value as JSON gives it back; one of several parts stays one."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _read(shown: str) -> Mapping[str, object]:
    try:
        known = json.loads(shown or "{}")
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
