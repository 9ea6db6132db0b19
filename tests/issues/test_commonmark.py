"""The CommonMark specification: each example arrives with all its words and links, or is refused.

An example is an item's body. What it has to show is read from the HTML that the specification
gives for it. tests/issues/commonmark/README.md names the specification's author and licence.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from lxml import html as lxml_html

from newsletter.errors import ContentError
from newsletter.issues.model import Issue
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.walking import walk_texts, walk_urls
from newsletter.rendering.render import render_issue
from tests.rendering.test_render import PUBLISHER, TEMPLATES

_SPEC = Path(__file__).parent / "commonmark" / "spec.txt"
_EXAMPLE = re.compile(r"^`{32} example\n(.*?)^\.\n(.*?)^`{32}$", re.MULTILINE | re.DOTALL)
_HEAD = "---\ntitle: 題\ndate: 2026-11-20\npreheader: 前\n---\n\n### 項\n\n"
#: Why an example is refused: addresses that no mail can carry, what Markdown would drop, and code
#: that would take in all that follows.
_REFUSALS = (
    "cannot be used in an email",
    "leads nowhere",
    "is defined twice",
    "is not closed",
)


#: Where HTML hides what is not hidden here: the name of a language behind a fence, and a tag that
#: does not end.
_OTHER_WORDS = {161: {"c": 1}, 173: {"d": 1, "i": 1, "v": 1}}


@dataclass(frozen=True, slots=True)
class Example:
    number: int
    markdown: str
    html: str

    @property
    def words(self) -> str:
        """Its letters, tags of HTML aside: those are text here, and stand among the letters."""
        tree = lxml_html.document_fromstring(f"<div>{self.html}</div>")
        return _letters("".join(map(str, tree.xpath("//text()[not(parent::comment())] | //@alt"))))


def _examples() -> list[Example]:
    found = _EXAMPLE.findall(_SPEC.read_text(encoding="utf-8"))
    return [
        Example(number, markdown.replace("→", "\t"), html.replace("→", "\t"))
        for number, (markdown, html) in enumerate(found, start=1)
    ]


def _letters(text: str) -> str:
    """Return what is left without blanks and marks, which are read within what was HTML, too."""
    return re.sub(r"\s|[*_`]", "", text)


@cache
def _read() -> tuple[dict[int, Issue], dict[int, str]]:
    """Read all: the issues by number, and what is said of those that are refused."""
    issues: dict[int, Issue] = {}
    refused: dict[int, str] = {}
    for example in _examples():
        try:
            issues[example.number] = read_issue(
                (_HEAD + example.markdown).encode(), source="example"
            ).issue
        except ContentError as error:
            refused[example.number] = f"{error.place}: {error.what}"
    return issues, refused


def test_most_examples_arrive_and_the_others_say_why_not() -> None:
    issues, refused = _read()
    assert (len(issues), len(refused)) == (546, 106)
    assert all(re.match(r"example:\d+: ", said) for said in refused.values())
    assert all(any(reason in said for reason in _REFUSALS) for said in refused.values())


def test_each_example_that_is_read_has_all_its_words() -> None:
    issues, _ = _read()
    short = {}
    for example in _examples():
        if example.number in issues:
            shown = Counter(
                _letters("".join(text for _, text in walk_texts(issues[example.number])))
            )
            shown.update("".join(url for _, url in walk_urls(issues[example.number])))
            if lost := Counter(example.words) - shown:
                short[example.number] = dict(lost)
    assert short == _OTHER_WORDS


@pytest.mark.parametrize("template", ["digest", "letter"])
def test_the_examples_together_render_whole(template: str) -> None:
    issues, _ = _read()
    chapters = tuple(chapter for issue in issues.values() for chapter in issue.chapters)
    whole = Issue(title="題", issue_date=next(iter(issues.values())).issue_date, chapters=chapters)
    render_issue(whole, template=template, templates_dir=TEMPLATES, publisher=PUBLISHER)
