"""Real notices of many mail systems, and the share of each kind that is read correctly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from newsletter.bounces.model import Report, ReportKind
from newsletter.bounces.reading import read_report
from tests.conftest import SHARED_DATA

FOLDER = SHARED_DATA / "bounces"
#: Minimum share of hard bounces that are found, and maximum share of soft ones called hard.
FOUND, WRONGED = 0.97, 0.01
#: Samples whose labels contradict their text: "user unknown" without a command, or below a
#: pipelined DATA, is labelled as a filter's; "unable to deliver" without reason, as a directory's.
DISPUTED = {
    "lhost-apachejames-01.eml": True,
    "lhost-activehunter-02.eml": True,
    "lhost-exchange2003-04.eml": True,
    "lhost-mxlogic-03.eml": True,
    "lhost-sendmail-48.eml": True,
    "lhost-x1-01.eml": True,
    "lhost-x2-01.eml": True,
    "lhost-x2-02.eml": True,
    "lhost-interscanmss-03.eml": False,
}
_KINDS = {"feedback": "complaint", "vacation": "auto-reply"}

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="an extra: the samples of ../shared/data/bounces are not here"
)


@pytest.fixture(scope="module")
def read() -> list[tuple[dict[str, Any], Report]]:
    lines = (FOLDER / "expected.jsonl").read_text("utf-8").splitlines()
    return [
        (one, read_report((FOLDER / one["file"]).read_bytes())) for one in map(json.loads, lines)
    ]


def judged(read: list[tuple[dict[str, Any], Report]]) -> Iterator[tuple[str, str]]:
    """Yield for each recipient the labelled kind and the kind that was read."""
    for sample, report in read:
        for number, wanted in enumerate(sample["recipients"]):
            label = wanted["hard"]
            if wanted["reason"] in {"filtered", "userunknown"}:
                label = DISPUTED.get(sample["file"], label)
            is_hard = "hard" if label else "soft"
            truth = _KINDS.get(wanted["reason"], is_hard)
            if number >= len(report.recipients):
                yield truth, "missing"
            elif report.kind in {ReportKind.BOUNCE, ReportKind.DELAY}:
                yield truth, "hard" if report.recipients[number].hard else "soft"
            else:
                yield truth, report.kind.value


def table(counts: Counter[tuple[str, str]]) -> str:
    rows = sorted({truth for truth, _ in counts})
    columns = sorted({found for _, found in counts})
    head = f"{'is, read as':<12}" + "".join(f"{name:>12}" for name in columns)
    lines = [
        f"{row:<12}" + "".join(f"{counts[row, column]:>12}" for column in columns) for row in rows
    ]
    return "\n".join((head, *lines))


def test_hard_bounces_are_found_and_the_living_are_spared(
    read: list[tuple[dict[str, Any], Report]], capsys: pytest.CaptureFixture[str]
) -> None:
    counts = Counter(judged(read))
    with capsys.disabled():
        print(f"\n{table(counts)}")  # noqa: T201 - the figures are what this test is for
    hard = sum(count for (truth, _), count in counts.items() if truth == "hard")
    soft = sum(count for (truth, _), count in counts.items() if truth == "soft")
    assert counts["hard", "hard"] >= FOUND * hard
    assert counts["soft", "hard"] <= WRONGED * soft


def test_complaints_and_answers_are_all_told_apart(
    read: list[tuple[dict[str, Any], Report]],
) -> None:
    wrong = [
        sample["file"]
        for sample, report in read
        if _KINDS.get(sample["recipients"][0]["reason"], "bounce")
        != ("bounce" if report.kind is ReportKind.DELAY else report.kind.value)
    ]
    assert wrong == []


def test_each_recipient_has_an_address_of_its_own(
    read: list[tuple[dict[str, Any], Report]],
) -> None:
    for sample, report in read:
        addresses = [one.address for one in report.recipients]
        assert len(set(addresses)) == len(sample["recipients"]), sample["file"]
        assert all("@" in address for address in addresses), sample["file"]


def test_no_address_is_made_up(read: list[tuple[dict[str, Any], Report]]) -> None:
    for sample, report in read:
        raw = (FOLDER / sample["file"]).read_bytes().replace(b"=\n", b"").lower()
        for one in report.recipients:
            assert one.address.lower().encode() in raw, sample["file"]
