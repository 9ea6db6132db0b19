"""The bounce reader on systems that are left out: what its rules find without their phrases."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from bench.measure import Row
from newsletter.bounces.mail import open_mail
from newsletter.bounces.phrase_tables import PhraseBook, phrases
from newsletter.bounces.reading import read_report
from newsletter.bounces.reasons import using
from tests.bounces.replies import Counts, found, leaving_out, replies, wronged
from tests.bounces.test_samples import DISPUTED, FOLDER

_SAID = 6_000
_ADDRESS = re.compile(r"[^\s@<>\"()\[\],;:']{1,100}@[\w.-]{1,200}")
_NUMBER = re.compile(r"-\d+\.eml$")


def bounces() -> Iterator[Row]:
    """Measure on the replies of the tests, and on the samples of ../shared/data where they are."""
    yield from _rows("replies", sum(leaving_out(replies()).values(), Counter()))
    if FOLDER.is_dir():
        yield from _rows("samples", sum(_samples().values(), Counter()))


def _rows(name: str, counts: Counts) -> Iterator[Row]:
    yield Row(
        row=f"bounces, {name} of a system left out: hard found",
        ours=100 * found(counts),
        reference=100,
        unit="%",
        aim=">=0.97",
    )
    yield Row(
        row=f"bounces, {name} of a system left out: soft called hard",
        ours=100 * wronged(counts),
        reference=100,
        unit="%",
        aim="<=0.01",
    )


def _samples() -> dict[str, Counts]:
    """Count each system's samples, read with the phrases that samples of other systems hold."""
    lines = (FOLDER / "expected.jsonl").read_text("utf-8").splitlines()
    by_system = defaultdict(list)
    said: dict[str, str] = defaultdict(str)
    for sample in map(json.loads, lines):
        system = _NUMBER.sub("", sample["file"])
        raw = (FOLDER / sample["file"]).read_bytes()
        by_system[system].append((sample, raw))
        said[system] += _words(raw)
    known: dict[str, set[str]] = defaultdict(set)

    def note(phrase: str) -> bool:
        one = phrases((phrase,))
        known[phrase] = {system for system, words in said.items() if one.occurs_in(words)}
        return True

    PhraseBook.load(note)
    counts: dict[str, Counts] = {}
    for system, samples in by_system.items():

        def of_others(phrase: str, system: str = system) -> bool:
            return bool(known[phrase] - {system})

        with using(PhraseBook.load(of_others)):
            counts[system] = Counter(
                verdict for sample, raw in samples for verdict in _verdicts(sample, raw)
            )
    return counts


def _words(raw: bytes) -> str:
    mail = open_mail(raw)
    texts = " ".join(part.text for part in mail.parts if not part.is_returned)
    words = " ".join(f"{mail.subject} {texts[:_SAID]}".lower().split())
    return _ADDRESS.sub("@", words) + "\n"


def _verdicts(sample: dict[str, object], raw: bytes) -> Iterator[tuple[bool, bool]]:
    recipients = read_report(raw).recipients
    given = sample["recipients"]
    for number, label in enumerate(given if isinstance(given, list) else ()):
        if label["reason"] in {"feedback", "vacation"}:
            continue
        is_hard = label["hard"]
        if label["reason"] in {"filtered", "userunknown"}:
            is_hard = DISPUTED.get(str(sample["file"]), is_hard)
        yield is_hard, number < len(recipients) and recipients[number].hard
