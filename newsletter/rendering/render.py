"""Rendering: one issue in one template becomes a subject, HTML and text, verified against loss."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import html as lxml_html

from newsletter.errors import Place, TemplateError
from newsletter.issues.contents import table_of_contents
from newsletter.issues.model import Anchor, Block, Inline, Issue, Link, Paragraph
from newsletter.issues.plain import block_text, inline_text
from newsletter.rendering.environment import BODY, SUBJECT, TEXT, templates_in
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.model import Publisher, RenderedIssue, Slot
from newsletter.rendering.slots import SlotMarks, require_slots

#: Characters of a preheader that inboxes show at most.
_PREHEADER_LENGTH = 110
_MUST_OFFER = frozenset({Slot.UNSUBSCRIBE_URL})


def render_issue(
    issue: Issue, *, template: str, templates_dir: Path, publisher: Publisher
) -> RenderedIssue:
    """Render an issue once for all recipients.

    Raises:
        NotFoundError: There is no such template.
        TemplateError: The template is faulty or loses part of the issue.
    """
    templates = templates_in(templates_dir)
    templates.check(template)
    marks = SlotMarks()
    values: dict[str, object] = {
        "issue": issue,
        "contents": table_of_contents(issue),
        "preheader": issue.preheader or derived_preheader(issue),
        "publisher": publisher,
        "slots": marks.as_mapping(),
        "lang": issue.language.value,
    }
    mjml = templates.render(f"{template}/{BODY}", values)
    html = compile_mjml(mjml, template=f"{template}/{BODY}")
    text = tidy(templates.render(f"{template}/{TEXT}", values))
    subject = " ".join(templates.render(f"{template}/{SUBJECT}", values).split())
    _verify_complete(issue, _Shown.of_html(html), f"{template}/{BODY}")
    _verify_complete(issue, _Shown.of_text(text), f"{template}/{TEXT}")
    rendered = RenderedIssue(
        subject=marks.split(subject, escape=False),
        html=marks.split(html, escape=True),
        text=marks.split(text, escape=False),
        language=issue.language,
    )
    require_slots(rendered.html, _MUST_OFFER, template=f"{template}/{BODY}")
    require_slots(rendered.text, _MUST_OFFER, template=f"{template}/{TEXT}")
    return rendered


def derived_preheader(issue: Issue) -> str:
    """Take the first words of the lead, or of the first chapter that has some."""
    for blocks in (issue.lead, *(chapter.body for chapter in issue.chapters)):
        words = " ".join(" ".join(map(block_text, blocks)).split())
        if words:
            return words[:_PREHEADER_LENGTH]
    return issue.title


def tidy(text: str) -> str:
    """Take away white space at line ends, and empty lines beyond one."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a reader finds in a body: its letters without white space, and its links."""

    letters: str
    urls: frozenset[str]

    @classmethod
    def of_html(cls, html: str) -> _Shown:
        tree = lxml_html.document_fromstring(html.encode("utf-8"), parser=_UTF8)
        urls = {str(url) for name in ("href", "src") for url in tree.xpath(f"//@{name}")}
        return cls(_letters("".join(tree.itertext())), frozenset(urls))

    @classmethod
    def of_text(cls, text: str) -> _Shown:
        return cls(_letters(text), frozenset(re.findall(r"https?://[^\s>]+", text)))


_UTF8 = lxml_html.HTMLParser(encoding="utf-8")


def _letters(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _verify_complete(issue: Issue, shown: _Shown, template: str) -> None:
    for words in _words(issue):
        if _letters(words) not in shown.letters:
            raise TemplateError(
                f"The template loses {words[:60]!r} of the issue.", place=Place(source=template)
            )
    for url in _urls(issue):
        if url not in shown.urls and _letters(url) not in shown.letters:
            raise TemplateError(
                f"The template loses the link {url!r}.", place=Place(source=template)
            )


def _words(issue: Issue) -> Iterator[str]:
    """Yield each headline and each run of a paragraph; markup may stand between runs."""
    yield issue.title
    yield from issue.credits
    for heading, blocks, _links in _parts(issue):
        yield heading
        for block in blocks:
            if isinstance(block, Paragraph):
                for run in block.content:
                    yield inline_text(run.content if isinstance(run, Anchor) else (run,))


def _urls(issue: Issue) -> Iterator[str]:
    for _heading, blocks, links in _parts(issue):
        yield from (link.url for link in links)
        for block in blocks:
            if isinstance(block, Paragraph):
                yield from _inline_urls(block.content)


def _inline_urls(content: tuple[Inline, ...]) -> Iterator[str]:
    yield from (run.url for run in content if isinstance(run, Anchor))


def _parts(issue: Issue) -> Iterator[tuple[str, tuple[Block, ...], tuple[Link, ...]]]:
    yield "", issue.lead, ()
    for chapter in issue.chapters:
        yield chapter.heading, chapter.body, chapter.links
        for item in chapter.items:
            yield item.headline, item.body, item.links
        for section in chapter.sections:
            yield section.heading, section.body, section.links
            for item in section.items:
                yield item.headline, item.body, item.links
