"""Two runs laid beside each other, and two texts likened, for no more work than a draft is worth.

The search for the longest common run goes through every pair of equal members: of a thousand
members that are all alike that is a million, in the process that answers everybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher

#: Pairs of equal members up to which runs are compared one by one.
_MOST_PAIRS = 100_000
#: Letters, of two texts multiplied, that all likening within one issue may go through.
_MOST_LETTERS = 30_000_000

#: What became of which members, as `SequenceMatcher.get_opcodes` tells.
Opcode = tuple[str, int, int, int, int]


def opcodes(
    old: Sequence[Hashable],
    new: Sequence[Hashable],
    *,
    grants: Callable[[int], bool] = lambda pairs: pairs <= _MOST_PAIRS,
) -> Iterator[Opcode]:
    """Yield what became of which members of a run.

    Args:
        old: The one run.
        new: The other.
        grants: Whether so many pairs of equal members may be gone through. If not, all between
            what both begin and end with alike is replaced.
    """
    start = alike_at_start(old, new)
    end = alike_at_start(old[start:][::-1], new[start:][::-1])
    stop, new_stop = len(old) - end, len(new) - end
    if start:
        yield "equal", 0, start, 0, start
    if start < stop or start < new_stop:
        middle, new_middle = old[start:stop], new[start:new_stop]
        counts, new_counts = Counter(middle), Counter(new_middle)
        if grants(sum(count * new_counts[each] for each, count in counts.items())):
            matcher = SequenceMatcher(None, middle, new_middle, autojunk=False)
            for tag, *places in matcher.get_opcodes():
                one, two, three, four = (start + place for place in places)
                yield tag, one, two, three, four
        else:
            yield "replace", start, stop, start, new_stop
    if end:
        yield "equal", stop, len(old), new_stop, len(new)


def alike_at_start(old: Sequence[object], new: Sequence[object]) -> int:
    """Return how many members two runs begin with alike."""
    pairs = zip(old, new, strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


class Likeness:
    """Tells how like texts are, from 0 to 1; once its bound is reached, that none is."""

    def __init__(self) -> None:
        self._left = _MOST_LETTERS

    def of(self, text: str, other: str, *, least: float) -> float:
        """Return how like two texts are; 0 where it is less than ``least``."""
        matcher = SequenceMatcher(None, other, text, autojunk=False)
        if matcher.real_quick_ratio() < least or not self._may(len(text) + len(other)):
            return 0.0
        if matcher.quick_ratio() < least or not self._may(len(text) * len(other)):
            return 0.0
        ratio = matcher.ratio()
        return ratio if ratio >= least else 0.0

    def _may(self, letters: int) -> bool:
        """Whether so many letters may be gone through; they are then."""
        if letters > self._left:
            return False
        self._left -= letters
        return True
