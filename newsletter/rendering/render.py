"""Render an issue with a template to a subject, HTML and text, and verify that nothing is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from lxml import html as lxml_html
from markupsafe import Markup

from newsletter.errors import Place, TemplateError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.issues.cards import Event
from newsletter.issues.checks.findings import IssueField
from newsletter.issues.conditions import (
    conditions_of,
    everything,
    part_conditions,
    select_parts,
)
from newsletter.issues.events import CalendarFile, calendar_file
from newsletter.issues.merge_fields import slot_of
from newsletter.issues.model import (
    Anchor,
    Block,
    Contents,
    Inline,
    Issue,
    MergeField,
    Table,
    Text,
)
from newsletter.issues.outline import table_of_contents
from newsletter.issues.plain_text import inline_words, shortened, split_sentences
from newsletter.issues.rewriting import rewrite_issue
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.sources.normalise import without_controls
from newsletter.issues.translations import complete_translations, language_met
from newsletter.issues.walking import (
    running_texts,
    walk_blocks,
    walk_parts,
    walk_placed_blocks,
    walk_texts,
    walk_urls,
)
from newsletter.rendering.blocks import BlockContext
from newsletter.rendering.environment import SURFACE, OwnTemplate, templates_in, templates_of
from newsletter.rendering.html import blocks_html
from newsletter.rendering.mjml import compile_mjml
from newsletter.rendering.model import (
    BODY,
    OWN,
    SUBJECT,
    TEXT,
    Files,
    Publisher,
    Recipe,
    RenderedIssue,
    Slot,
    Subject,
    Variants,
)
from newsletter.rendering.own_links import require_whole_links
from newsletter.rendering.sandbox import Job, render_in_sandbox
from newsletter.rendering.slots import SlotMarks, require_slots

#: Maximum characters of a preheader that inboxes show.
_PREHEADER_LENGTH = 110
#: Placeholder for a URL while a text is split into sentences.
_ADDRESS = "\ufffc"
_MUST_OFFER = frozenset({Slot.UNSUBSCRIBE_URL})


def render_issue(
    issue: Issue, *, template: str, templates_dir: Path, publisher: Publisher, site: str = ""
) -> RenderedIssue:
    """Render an issue once for all recipients; ``site`` is the base URL of its events' calendars.

    If the issue has parts for some readers, the result is the mail with all parts, and has
    `Variants`.

    Raises:
        NotFoundError: There is no such template.
        TemplateError: The template is faulty or loses part of the issue.
    """
    issue = resolve_snippets(issue, dict(publisher.snippets))
    issue = replace(issue, translations=complete_translations(issue))
    conditions = conditions_of(issue)
    templates = None if template.startswith(OWN) else templates_in(templates_dir)
    if templates is not None:
        templates.check(template)
    kept = tuple(each for each in publisher.templates if each[0] == template)
    recipe = Recipe(
        issue=issue,
        template=template,
        files=_files(template, templates_dir),
        publisher=replace(publisher, snippets=(), templates=kept),
        site=site,
    )
    if templates is not None and not part_conditions(issue):
        rendered = render_with(
            issue, templates.render, template=template, publisher=publisher, site=site
        )
    else:
        rendered = _render_kept(recipe, everything(issue))
    rendered = replace(rendered, recipe=recipe)
    if not conditions:
        return rendered
    common = rendered
    if part_conditions(issue):
        common = _render_kept(recipe, select_parts(issue, ()))
    return replace(rendered, variants=Variants(conditions=conditions, common=common))


def render_variant(
    recipe: Recipe, met: Collection[str], subject: Subject | None = None
) -> RenderedIssue:
    """Render the mail for readers who meet exactly these conditions of an issue.

    Args:
        recipe: The input of the rendering.
        met: The conditions.
        subject: Subject and preheader for inboxes; None for the issue's own. Readers of a
            translation get those of the translation.

    Raises:
        TemplateError: The template fails, or loses part of the content for these readers.
    """
    language = language_met(met)
    issue, own = recipe.issue, None if language else subject
    if (earlier := recipe.earlier_in(language)) is not None:
        issue = replace(earlier.issue, lead=(*earlier.notice, *earlier.issue.lead))
    return _render_kept(recipe, select_parts(issue, met), own)


def render_as(rendered: RenderedIssue, met: Collection[str] | None) -> RenderedIssue:
    """Return the mail for readers who meet these conditions; None means the mail with all parts.

    Raises:
        TemplateError: The template fails, or loses part of the content for these readers.
    """
    variants, recipe = rendered.variants, rendered.recipe
    if variants is None or recipe is None or met is None:
        return rendered
    return render_variant(recipe, met) if met else variants.common


def _files(template: str, templates_dir: Path) -> Files:
    if template.startswith(OWN):
        return tuple(sorted(OwnTemplate.read_partials(templates_dir).items()))
    return templates_in(templates_dir).files(template)


def _render_kept(recipe: Recipe, issue: Issue, subject: Subject | None = None) -> RenderedIssue:
    """Render an issue, whose conditions are resolved, with the stored template."""
    if recipe.template.startswith(OWN):
        job = Job(
            issue=issue,
            name=recipe.template,
            source=recipe.publisher.own_template(recipe.template),
            partials=dict(recipe.files),
            publisher=replace(recipe.publisher, templates=()),
            site=recipe.site,
            subject=subject,
        )
        return render_in_sandbox(job)
    return render_with(
        issue,
        templates_of(recipe.files).render,
        template=recipe.template,
        publisher=recipe.publisher,
        site=recipe.site,
        subject=subject,
    )


def render_with(
    issue: Issue,
    render: Callable[[str, dict[str, object]], str],
    *,
    template: str,
    publisher: Publisher,
    site: str,
    subject: Subject | None = None,
) -> RenderedIssue:
    """Render an issue with the function that renders the files of a checked template.

    ``subject`` changes the subject and preheader for inboxes, but not the mail's own content.

    Raises:
        TemplateError: The template is faulty or loses part of the issue.
    """
    marks = SlotMarks()
    issue = rewrite_issue(issue, text=without_controls)
    own = subject.preheader if subject else ""
    preheader = own or issue.preheader or derived_preheader(issue)
    issue = rewrite_issue(issue, field=partial(_marked, marks))
    contents = table_of_contents(issue)
    placed = any(isinstance(block, Contents) for _place, block in walk_placed_blocks(issue))
    calendars = _calendars(issue, publisher, site) if site else {}
    values: dict[str, object] = {
        "issue": issue,
        "contents": () if placed else contents,
        "block_context": BlockContext(
            language=issue.language,
            contents=contents,
            page=marks.as_mapping()[Slot.VIEW_URL],
            calendars={event: f"{site}{file.path}" for event, file in calendars.items()},
        ),
        "preheader": preheader,
        "publisher": publisher,
        "look": publisher.theme,
        "slots": marks.as_mapping(),
        "marks": marks,
        "lang": issue.tag,
    }
    mjml = render(f"{template}/{BODY}", values)
    html = compile_mjml(mjml, template=f"{template}/{BODY}")
    text = tidy(render(f"{template}/{TEXT}", values))
    titled = replace(issue, title=subject.title) if subject else issue
    line = " ".join(render(f"{template}/{SUBJECT}", values | {"issue": titled}).split())
    _verify_complete(issue, template, mjml=mjml, html=html, text=text)
    require_whole_links(html, text, marks.of_links, template=template)
    rendered = RenderedIssue(
        subject=marks.split(line, escape=False),
        html=marks.split(html, escape=True),
        text=marks.split(text, escape=False),
        language=issue.language,
        language_tag=issue.language_tag,
        calendars=tuple(calendars.values()),
    )
    require_slots(rendered.html, _MUST_OFFER, template=f"{template}/{BODY}")
    require_slots(rendered.text, _MUST_OFFER, template=f"{template}/{TEXT}")
    return rendered


def surface_styles(publisher: Publisher, *, language: Language, templates_dir: Path) -> str:
    """Return the styles of the mail as CSS for the page on which it is edited.

    Raises:
        TemplateError: A customised partial fails.
    """
    values: dict[str, object] = {"look": publisher.theme, "lang": language.value}
    return templates_in(templates_dir).render(SURFACE, values)


def blocks_page(
    blocks: Sequence[Block], publisher: Publisher, *, language: Language, templates_dir: Path
) -> str:
    """Return blocks alone as a document with the styles of the mail.

    Raises:
        TemplateError: A customised partial fails.
    """
    styles = surface_styles(publisher, language=language, templates_dir=templates_dir)
    return Markup(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8"><title>{}</title><style>{}'
        ".mail {{ padding: 20px 32px 8px }}</style></head>"
        '<body style="margin:0"><div class="mail">{}</div></body></html>'
    ).format(
        language.value,
        publisher.name,
        Markup(styles.replace("</", "<\\/")),  # noqa: S704 - our style sheet, closed by nothing
        blocks_html(blocks, BlockContext(language=language)),
    )


def _calendars(issue: Issue, publisher: Publisher, site: str) -> dict[Event, CalendarFile]:
    """Return the calendar file of each event with a readable date."""
    files = {
        block: calendar_file(
            block,
            zone=publisher.time_zone,
            issued=issue.issue_date,
            publisher=publisher.name,
            host=urlsplit(site).hostname or "",
        )
        for _place, block in walk_placed_blocks(issue)
        if isinstance(block, Event)
    }
    return {event: file for event, file in files.items() if file}


def _marked(marks: SlotMarks, field: MergeField) -> Inline:
    """Return a mark for a merge field, as text of the issue."""
    return Text(text=marks.use(slot_of(field.field), field.fallback))


def derived_preheader(issue: Issue) -> str:
    """Return the first sentences of the lead, or of the first part that has text.

    A sentence with a bare URL is left out: a URL is useless in an inbox, and the sentence without
    it would have another meaning. Table cells are not sentences.
    """
    for part in walk_parts(issue):
        lines = (
            _without_addresses(content)
            for block in walk_blocks(part.body)
            if not isinstance(block, Table)
            for content in running_texts(block)
        )
        words = " ".join(" ".join(lines).split())
        if words:
            return shortened(words, _PREHEADER_LENGTH)
    return shortened(issue.title, _PREHEADER_LENGTH)


def _without_addresses(content: tuple[Inline, ...]) -> str:
    """Return the sentences of inline content without a link whose text is its own URL."""
    marked = inline_words(
        tuple(
            Text(text=_ADDRESS)
            if isinstance(run, Anchor) and run.url.endswith(inline_words(run.content))
            else run
            for run in content
        )
    )
    return "".join(each for each in split_sentences(marked) if _ADDRESS not in each)


def tidy(text: str) -> str:
    """Remove white space at line ends, and reduce empty lines to one."""
    lines = [line.rstrip() for line in text.strip("\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


@dataclass(frozen=True, slots=True)
class _Shown:
    """The visible content of a body: its letters without white space, and its links.

    Alternative texts and titles count as letters.
    """

    letters: str
    urls: frozenset[str]

    @classmethod
    def of_html(cls, html: str) -> _Shown:
        """Read HTML, or MJML before compilation."""
        tree = lxml_html.document_fromstring(html.encode("utf-8"), parser=_UTF8)
        # A bare URL is displayed shortened, so its whole target counts as letters.
        unseen = (*tree.xpath("//body//@title | //@alt"), *tree.xpath("//a/@href"))
        words = "".join((*tree.itertext(), "\n", *map(str, unseen)))
        urls = {str(url) for name in ("href", "src") for url in tree.xpath(f"//@{name}")}
        return cls(_letters(words), frozenset(urls))

    @classmethod
    def of_text(cls, text: str) -> _Shown:
        return cls(_letters(text), frozenset(_TEXT_URL.findall(text)))

    def lacks_url(self, url: str) -> bool:
        plain = re.sub(r"^(?:mailto|tel):", "", url)
        return url not in self.urls and _letters(plain) not in self.letters


_UTF8 = lxml_html.HTMLParser(encoding="utf-8")
_TEXT_URL = re.compile(r"https?://[^\s<>]+")
#: Parts that a template may leave out: the table of contents, the publication's name, the
#: preheader.
_OPTIONAL = frozenset({IssueField.CONTENTS, IssueField.MASTHEAD, IssueField.PREHEADER})


#: Letters after a text within which the next text is searched, before all are counted.
_NEAR = 4000


def _letters(text: str) -> str:
    """Return a text's letters; ">" is removed as well, because wrapped quotations repeat it."""
    return "".join(text.split()).replace(">", "")


@dataclass(frozen=True, slots=True)
class _Content:
    """The content of an issue that each body must have: texts in their order, and links.

    Attributes:
        words: The letters of each text, as many times as it occurs.
        texts: The original texts by their letters.
    """

    words: Sequence[str]
    texts: Mapping[str, str]
    urls: frozenset[str]

    @classmethod
    def of(cls, issue: Issue) -> _Content:
        texts = [text for place, text in walk_texts(issue) if place.field not in _OPTIONAL]
        words = list(map(_letters, texts))
        return cls(
            words=words,
            texts=dict(zip(words, texts, strict=True)),
            urls=frozenset(url for _, url in walk_urls(issue)),
        )

    def lost_in(self, shown: _Shown) -> Message | None:
        """Return a description of content that a body lacks; None if it is complete."""
        for words, times in self._out_of_order(shown.letters).items():
            if shown.letters.count(words) < times:
                return msg("“{text}”", text=self.texts[words][:60])
        for url in self.urls:
            if shown.lacks_url(url):
                return msg("the link “{url}”", url=url)
        return None

    def _out_of_order(self, letters: str) -> dict[str, int]:
        """Return the texts that were not found in order, with the number of times they must occur.

        Most texts of a mail are in the order of the issue. Counting each in the whole mail would
        take longer than rendering it.
        """
        at, missed = 0, set()
        for words in self.words:
            position = letters.find(words, at, at + len(words) + _NEAR)
            if position < 0:
                missed.add(words)
            else:
                at = position + len(words)
        return {words: times for words, times in Counter(self.words).items() if words in missed}


def _verify_complete(issue: Issue, template: str, *, mjml: str, html: str, text: str) -> None:
    """Verify that both bodies have the whole content of the issue.

    Raises:
        TemplateError: Something is missing; the message says whether the template left it out.
    """
    content = _Content.of(issue)
    if lost := content.lost_in(_Shown.of_text(text)):
        raise _dropped(lost, f"{template}/{TEXT}")
    if lost := content.lost_in(_Shown.of_html(html)):
        # The MJML shows whether the template or the compiler lost the content.
        if dropped := content.lost_in(_Shown.of_html(mjml)):
            raise _dropped(dropped, f"{template}/{BODY}")
        raise TemplateError(
            msg(
                "The conversion from MJML to HTML lost {lost}; neither the issue nor the "
                "template is at fault.",
                lost=lost,
            ),
            remedy=msg(
                "Write the passage in another way, and report this as a defect of the software."
            ),
        )


def _dropped(lost: Message, path: str) -> TemplateError:
    return TemplateError(
        msg("The template drops {lost} of the issue.", lost=lost), place=Place(source=path)
    )
