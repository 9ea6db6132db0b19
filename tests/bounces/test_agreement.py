"""The reply decides, whichever system passes it on: a saying means the same in each layout.

The samples are few, and no list of wordings is complete. These figures show how much of the reader
consists of rules: it reads sayings without a phrase of their own, and samples without their
machine-readable parts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from newsletter.bounces.model import Report
from newsletter.bounces.reading import read_report
from tests.bounces.formats import READER
from tests.bounces.manners import MANNERS, said_of
from tests.bounces.sayings import SAYINGS
from tests.bounces.test_samples import DISPUTED, FOLDER, FOUND, WRONGED
from tests.support.examples import examples
from tests.support.soak import SOAK

_STATUS = re.compile(rb"(?<![\d.])5\.\d{1,3}\.\d{1,3}(?![.]?\d)")
_FIELDS = re.compile(
    rb"^(?:(?:Original|Final|X-Actual)-Recipient|Action|Status|Diagnostic-Code|Remote-MTA):"
    rb".*(?:\n[ \t].*)*",
    re.IGNORECASE | re.MULTILINE,
)
_REPLY = re.compile(rb"(?<![\w.\-/:@=])5[0-5]\d(?=[\s\-])")
#: The share of the product of sayings and manners that is tried; all of it with SOAK=1.
_EVERY = 4
#: The share of the manners that `make quick` tries.
_TRIED = list(MANNERS)[:: len(MANNERS) // examples(len(MANNERS))]
Harm = Callable[[bytes], bytes]


def without_status(raw: bytes) -> bytes:
    return _STATUS.sub(b"5.0.0", raw)


def without_machines_part(raw: bytes) -> bytes:
    return _FIELDS.sub(b"X-Gone: x", raw).replace(b"message/delivery-status", b"text/x-gone")


def without_codes(raw: bytes) -> bytes:
    return _REPLY.sub(b"", _STATUS.sub(b"", raw))


def words_alone(raw: bytes) -> bytes:
    return without_codes(without_machines_part(raw))


def is_hard(report: Report, number: int = 0) -> bool:
    return number < len(report.recipients) and report.recipients[number].hard


@pytest.mark.parametrize("name", _TRIED)
def test_each_saying_means_the_same_in_each_manner(name: str) -> None:
    """Each saying is tried in every fourth manner, and each manner with every fourth saying."""
    manner, tells = MANNERS[name]
    first = 0 if SOAK else list(MANNERS).index(name) % _EVERY
    counts: Counter[tuple[bool, bool]] = Counter()
    for saying in SAYINGS[first :: 1 if SOAK else _EVERY]:
        report = read_report(manner(said_of(saying)))
        assert [one.address for one in report.recipients] == [READER], saying
        if tells or not saying.by_command:
            counts[saying.hard, is_hard(report)] += 1
    assert counts[True, True] >= FOUND * (counts[True, True] + counts[True, False])
    assert counts[False, True] <= WRONGED * (counts[False, True] + counts[False, False])


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="an extra: the samples of ../shared/data/bounces are not here"
)
@pytest.mark.parametrize(
    ("harm", "found"),
    [
        pytest.param(without_status, 0.8, id="status 5.0.0"),
        pytest.param(without_machines_part, 0.9, id="no machine's part"),
        pytest.param(without_codes, 0.75, id="no codes"),
        pytest.param(words_alone, 0.65, id="words alone"),
    ],
)
def test_samples_that_lost_their_codes_spare_the_living(harm: Harm, found: float) -> None:
    """Information that was only in the code is lost with it, so that fewer are found."""
    counts: Counter[tuple[bool, bool]] = Counter()
    for line in (FOLDER / "expected.jsonl").read_text("utf-8").splitlines():
        sample = json.loads(line)
        report = read_report(harm((FOLDER / sample["file"]).read_bytes()))
        for number, wanted in enumerate(sample["recipients"]):
            if sample["file"] not in DISPUTED:
                counts[wanted["hard"], is_hard(report, number)] += 1
    assert counts[True, True] >= found * (counts[True, True] + counts[True, False])
    assert counts[False, True] <= WRONGED * (counts[False, True] + counts[False, False])
