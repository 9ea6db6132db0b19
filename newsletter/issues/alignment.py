"""Comparing sequences and texts, with bounded work.

The search for the longest common subsequence examines every pair of equal members. For a thousand
equal members these are a million, in the process that serves all requests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher

#: The maximum number of pairs of equal members that are examined.
_MOST_PAIRS = 100_000
#: The budget for text similarities within one issue: the sum of products of two texts' lengths.
_MOST_LETTERS = 30_000_000

#: An operation, as in `SequenceMatcher.get_opcodes`.
Opcode = tuple[str, int, int, int, int]


def opcodes(
    old: Sequence[Hashable],
    new: Sequence[Hashable],
    *,
    grants: Callable[[int], bool] = lambda pairs: pairs <= _MOST_PAIRS,
) -> Iterator[Opcode]:
    """Yield the operations that turn one sequence into another.

    Args:
        old: The first sequence.
        new: The second sequence.
        grants: Returns whether this number of pairs may be examined. If not, everything between the
            common beginning and the common end counts as replaced.
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
    """Return the length of the common beginning of two sequences."""
    pairs = zip(old, new, strict=False)
    return next((count for count, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))


class Likeness:
    """Computes the similarity of texts, 0 to 1; always 0 once its budget is used up."""

    def __init__(self) -> None:
        self._left = _MOST_LETTERS

    def of(self, text: str, other: str, *, least: float) -> float:
        """Return the similarity of two texts; 0 if it is below ``least``."""
        matcher = SequenceMatcher(None, other, text, autojunk=False)
        if matcher.real_quick_ratio() < least or not self._may(len(text) + len(other)):
            return 0.0
        if matcher.quick_ratio() < least or not self._may(len(text) * len(other)):
            return 0.0
        ratio = matcher.ratio()
        return ratio if ratio >= least else 0.0

    def _may(self, letters: int) -> bool:
        """Take from the budget; return False if it is used up."""
        if letters > self._left:
            return False
        self._left -= letters
        return True
