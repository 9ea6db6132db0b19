"""Concurrent editing by forms: a three-way merge of shown, submitted and present values.

A form has the shown values in a hidden field. Values that were submitted as they were shown keep
their present state, even if another person changed them meanwhile; changed values are saved. If
both changed the same value, the later save is refused, and the error names the present value. For
multiple choices, the added and removed options are applied.
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
    """Another person changed the same values.

    Attributes:
        clashes: The present values that both changed, by name; ``ATTRIBUTE.KEY`` for values in
            mappings.
    """

    def __init__(self, clashes: Mapping[str, object]) -> None:
        super().__init__(
            msg("Somebody else changed the same meanwhile."),
            remedy=msg("Check what is saved now, then save again."),
        )
        self.clashes = clashes


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged(Generic[_T]):
    """The result of a merge: the merged value, and the present values that both changed."""

    value: _T
    clashes: Mapping[str, object]

    def require(self) -> _T:
        """Return the merged value.

        Raises:
            EditConflictError: Another person changed the same values.
        """
        if self.clashes:
            raise EditConflictError(self.clashes)
        return self.value


def shown_of(value: DataclassInstance) -> str:
    """Return the content of a form's hidden field with the shown values."""
    named = {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return json.dumps(named, ensure_ascii=False, separators=(",", ":"))


def merge_changes(shown: str, sent: _T, now: _T) -> Merged[_T]:
    """Return the present value with the differences between ``sent`` and the shown value applied.

    Args:
        shown: The result of `shown_of`; if empty, as for commands, all of ``sent`` is applied.
        sent: The submitted value, normalized like ``now``.
        now: The present value, whose row is locked until the transaction ends.
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
        # Keys that were not shown may have been added by another person meanwhile.
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
    """Return a value in the form in which JSON returns it; structured values stay structured."""
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
