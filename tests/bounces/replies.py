"""Replies of mail systems, by system, and the share of them that is read correctly.

Each system is left out in turn: only those phrases are used that also occur in a reply of another
system or in a general saying. The result therefore measures the rules and not a list of phrases
that was fitted to the replies.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newsletter.bounces.phrase_tables import PhraseBook, phrases
from newsletter.bounces.reading import read_report
from newsletter.bounces.reasons import using
from newsletter.bounces.refusal import Refusal, classify_refusal
from newsletter.bounces.replies import find_status
from tests.bounces.formats import OURS, READER, RETURNED
from tests.bounces.sayings import SAYINGS

_FILE = Path(__file__).with_name("replies.toml")
_NOTICES = Path(__file__).with_name("notices.toml")
_HEAD = f"From: MAILER-DAEMON@mx.example.net\nTo: {OURS}\nSubject: Undelivered\nMIME-Version: 1.0\n"
_WORDS = "Content-Type: text/plain; charset=utf-8"
_STATUS = (
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
    "Content-Type: text/plain\n\nYour message was not delivered.\n--b\n"
    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
)
_COMMAND = re.compile(r"(RCPT|DATA|MAIL|HELO|CONN) ")
_PARTIES = {
    "r": READER,
    "d": READER.partition("@")[2],
    "u": READER.partition("@")[0],
    "s": OURS,
    "o": OURS.partition("@")[2],
}
Counts = Counter[tuple[bool, bool]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One reply; ``command`` is empty if the system's notices do not name it."""

    system: str
    hard: bool
    text: str
    command: str

    @property
    def is_read_as_hard(self) -> bool:
        """Return whether the reply is read as hard if nothing else is known."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A whole notice; ``system`` is its form."""

    system: str
    hard: bool
    text: str

    @property
    def is_read_as_hard(self) -> bool:
        """Return whether the notice is read as hard."""
        if self.system == "words":
            raw = f"{_HEAD}{_WORDS}\n\n{self.text}\n{RETURNED}"
        else:
            returned = f"--b\nContent-Type: message/rfc822\n\n{RETURNED}\n--b--\n"
            recipient = f"Final-Recipient: rfc822; {READER}\n"
            fields = self.text if "Final-Recipient" in self.text else recipient + self.text
            raw = f"{_HEAD}{_STATUS}{fields}\n{returned}"
        found = {one.address: one.hard for one in read_report(raw.encode()).recipients}
        return found.get(READER, False)


def notices() -> tuple[Notice, ...]:
    """Return the whole notices of each form."""
    return tuple(
        Notice(system=form, hard=verdict == "hard", text=text.format(**_PARTIES))
        for form, given in tomllib.loads(_NOTICES.read_text("utf-8")).items()
        for verdict, texts in given.items()
        for text in texts
    )


def count(given: Iterable[Reply | Notice]) -> Counts:
    """Count replies by their kind and the kind that was read."""
    return Counter((one.hard, one.is_read_as_hard) for one in given)


def leaving_out(given: tuple[Reply, ...]) -> dict[str, Counts]:
    """Count each system's replies, read only with the phrases of the other systems."""
    said = {one.system: "" for one in given}
    for one in given:
        said[one.system] += f"{_plain(one.text)}\n"
    general = "\n".join(_plain(one.words.format(READER, _PARTIES["d"])) for one in SAYINGS)

    @cache
    def knowing(phrase: str) -> frozenset[str]:
        sought = phrases((phrase,))
        if sought.occurs_in(general):
            return frozenset(("sayings", "of all"))
        return frozenset(system for system, text in said.items() if sought.occurs_in(text))

    counts: dict[str, Counts] = {}
    for system in said:

        def is_known(phrase: str, own: str = system) -> bool:
            return bool(knowing(phrase) - {own})

        with using(PhraseBook.load(is_known)):
            counts[system] = count(one for one in given if one.system == system)
    return counts


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).replace(READER, "@")


def found(counts: Counts) -> float:
    """Return the share of hard replies that are read as hard."""
    return counts[True, True] / max(counts[True, True] + counts[True, False], 1)


def wronged(counts: Counts) -> float:
    """Return the share of soft replies that are read as hard."""
    return counts[False, True] / max(counts[False, True] + counts[False, False], 1)
