"""By what a database is told from the one that a host knew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from newsletter.mailings.ledger.database_history import NO_MARK, HistoryMark

_KNOWN = HistoryMark(server="7/16384/00000001", epoch="a", rounds=5, claims=3)


@pytest.mark.parametrize(
    ("present", "continues"),
    [
        (_KNOWN, True),
        (replace(_KNOWN, rounds=6, claims=4), True),
        (replace(_KNOWN, server="", claims=4), True),
        (replace(_KNOWN, rounds=4), False),
        (replace(_KNOWN, claims=2), False),
        (replace(_KNOWN, server="7/16384/00000002", rounds=9), False),
        (replace(_KNOWN, epoch="b", rounds=9), False),
        (NO_MARK, False),
    ],
    ids=[
        *("the same", "later", "a server that cannot tell"),
        *("rounds are missing", "claims are missing", "another timeline", "another epoch", "empty"),
    ],
)
def test_a_database_continues_what_is_known_of_it_or_is_another(
    present: HistoryMark, *, continues: bool
) -> None:
    assert present.continues(_KNOWN) is continues


def test_whoever_knows_nothing_takes_any() -> None:
    assert _KNOWN.continues(NO_MARK)
