"""Replies of mail systems, each system's by itself: how many are read as what they are.

Systems are left out in turn: a phrase is known only where a reply of another system, or one of the
general sayings, holds it. What is found then is found by the rules, not by a list that was fitted.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from newsletter.bounces.phrase_tables import Vocabulary, phrases
from newsletter.bounces.reasons import using
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.bounces.replies import find_status
from tests.bounces.formats import OURS, READER
from tests.bounces.sayings import SAYINGS

_FILE = Path(__file__).with_name("replies.toml")
_COMMAND = re.compile(r"(RCPT|DATA|MAIL|HELO|CONN) ")
_PARTIES = {
    "r": READER,
    "d": READER.partition("@")[2],
    "s": OURS,
    "o": OURS.partition("@")[2],
}
Counts = Counter[tuple[bool, bool]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply; ``command`` is empty where the system's notices tell none."""

    system: str
    hard: bool
    text: str
    command: str

    @property
    def is_read_as_hard(self) -> bool:
        """How it is read when it is all that is known of our reader."""
        return classify_refusal(
            Refusal(
                address=READER,
                words=(self.text,),
                status=find_status(self.text),
                command=self.command,
                ours=frozenset({OURS, _PARTIES["o"]}),
            )
        ).hard


def replies() -> tuple[Reply, ...]:
    """Return the replies of all systems."""
    return tuple(_read())


def _read() -> Iterator[Reply]:
    for system, given in tomllib.loads(_FILE.read_text("utf-8")).items():
        for verdict in ("hard", "soft"):
            for line in given[verdict]:
                told = _COMMAND.match(line)
                yield Reply(
                    system=system,
                    hard=verdict == "hard",
                    text=line[told.end() if told else 0 :].format(**_PARTIES),
                    command=told[1] if told else "",
                )


def count(given: Iterable[Reply]) -> Counts:
    """Count by what replies are and what they are read as."""
    return Counter((one.hard, one.is_read_as_hard) for one in given)


def leaving_out(given: tuple[Reply, ...]) -> dict[str, Counts]:
    """Count each system's replies, read with the phrases of the others alone."""
    counts: dict[str, Counts] = {}
    for system in dict.fromkeys(one.system for one in given):
        others = [one.text for one in given if one.system != system]
        others += [one.words.format(READER, _PARTIES["d"]) for one in SAYINGS]
        known = "\n".join(" ".join(text.lower().split()) for text in others).replace(READER, "@")

        def is_known(phrase: str, known: str = known) -> bool:
            return phrases((phrase,)).occurs_in(known)

        with using(Vocabulary.load(is_known)):
            counts[system] = count(one for one in given if one.system == system)
    return counts


def found(counts: Counts) -> float:
    """Return the part of the hard that is read as such."""
    return counts[True, True] / max(counts[True, True] + counts[True, False], 1)


def wronged(counts: Counts) -> float:
    """Return the part of the soft that is called hard."""
    return counts[False, True] / max(counts[False, True] + counts[False, False], 1)
