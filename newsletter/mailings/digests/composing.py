"""Composing: build a digest, which is itself an issue, from the issues it contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from newsletter.database.vocabulary import DigestDetail, Frequency
from newsletter.errors import ContentError
from newsletter.i18n.language import Language, closest_language, language_of_words
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Day
from newsletter.issues.conditions import part_conditions, select_parts
from newsletter.issues.model import (
    Block,
    Chapter,
    Comment,
    Conditional,
    Contents,
    Issue,
    Item,
    Link,
    Paragraph,
    Section,
    Text,
    Translation,
)
from newsletter.issues.outline import chapter_anchor, item_anchor, section_anchor
from newsletter.issues.plain_text import inline_words, split_sentences
from newsletter.issues.snippets import resolve_snippets
from newsletter.issues.translation_files import translation_from_issue
from newsletter.issues.translation_units import translated_markdown
from newsletter.issues.translations import translated
from newsletter.issues.walking import map_within

if TYPE_CHECKING:
    from newsletter.rendering.model import Publisher

#: The maximum length of an item's summary, in characters.
_LONGEST = 200
#: The maximum number of conditions; with more, parts for some readers are left out.
_MOST_CONDITIONS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class CarriedIssue:
    """An issue in a digest.

    Attributes:
        label: The condition of its chapter, which identifies the issue within the digest.
        content: The present content, with corrections and complete translations.
        queries: The queries of its conditions, by condition, as stored with its mailing.
        url: Its address in the archive; empty if the readers cannot open it there.
    """

    label: str
    content: Issue
    queries: Mapping[str, str]
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DigestLook:
    """How issues appear in a digest; see `DigestRuleRow`."""

    frequency: Frequency
    detail: DigestDetail
    introduction: str = ""


def digest_title(name: str, frequency: Frequency, day: date) -> Message:
    """Return the title of a newsletter's digest."""
    if frequency is Frequency.WEEKLY:
        return msg("{newsletter}: weekly digest, {day}", newsletter=name, day=Day(day))
    return msg("{newsletter}: monthly digest, {day}", newsletter=name, day=Day(day))


def compose(
    carried: Sequence[CarriedIssue],
    look: DigestLook,
    publisher: Publisher,
    *,
    day: date,
    language: Language,
) -> Issue:
    """Return the digest of some issues, with a chapter for each.

    A chapter is shown to readers who have an entry of its issue. An issue that cannot be read on
    the web is included completely. Conditions of parts are included as queries; if there are too
    many, parts for some readers are left out.

    The digest is translated into each language of any of its issues. An issue without that
    translation appears in the language in which its readers would have got it by itself.
    """
    snippets = dict(publisher.snippets)
    whole = [replace(each, content=resolve_snippets(each.content, snippets)) for each in carried]
    conditions = {query for each in whole for query in each.queries.values()}
    parts_for_some = len(conditions) + len(whole) <= _MOST_CONDITIONS
    own = language.value

    def made(tag: str) -> Issue:
        items = [
            replace(each, content=_in_language(each.content, tag, parts_for_some=parts_for_some))
            for each in whole
        ]
        words = language if tag == own else language_of_words(tag)
        return _made(items, look, publisher, day=day, language=words)

    tags = {each.language for one in whole for each in one.content.translations} - {own}
    if len(whole) + (len(conditions) if parts_for_some else 0) + len(tags) > _MOST_CONDITIONS:
        tags = set()
    original = made(own)
    return replace(
        original,
        translations=tuple(
            translation
            for tag in sorted(tags)
            if (translation := _tied(original, made(tag), tag)) is not None
        ),
    )


def _in_language(issue: Issue, tag: str, *, parts_for_some: bool) -> Issue:
    """Return an issue as readers of a language would have got it by itself."""
    tags = [issue.tag, *(each.language for each in issue.translations)]
    closest = closest_language(tag, tags)
    translation = translated(issue, "" if closest == issue.tag else closest)
    return translation if parts_for_some else select_parts(translation, ())


def _tied(original: Issue, said: Issue, tag: str) -> Translation | None:
    """Return the digest in another language as a translation of the original one.

    Returns None if the parts do not correspond, for example if a translator replaced a paragraph by
    a table, which has no sentence for a summary. Readers then get the original.
    """
    try:
        translation = translation_from_issue(original, said, tag)
    except ContentError:
        return None
    # If several issues have the same unit, the last one wins, which is a translated one.
    units = sorted(
        translation.units,
        key=lambda unit: translated_markdown(unit).strip() != unit.original.strip(),
    )
    return replace(translation, units=tuple(units))


def _made(
    whole: Sequence[CarriedIssue],
    look: DigestLook,
    publisher: Publisher,
    *,
    day: date,
    language: Language,
) -> Issue:
    lead: tuple[Block, ...] = tuple(
        Paragraph(content=(Text(text=line),))
        for line in look.introduction.split("\n")
        if line.strip()
    )
    return Issue(
        title=digest_title(publisher.name, look.frequency, day).in_language(language),
        issue_date=day,
        language=language,
        lead=lead,
        chapters=tuple(_Composer(each, look.detail, language).chapter() for each in whole),
    )


def first_sentence(blocks: Sequence[Block]) -> str:
    """Return the first sentence in blocks that are for everybody; empty if there is none."""
    for block in blocks:
        if isinstance(block, Paragraph):
            words = " ".join(inline_words(block.content).split())
            if words:
                sentence = split_sentences(words)[0].rstrip()
                return sentence if len(sentence) <= _LONGEST else f"{sentence[: _LONGEST - 1]}…"
    return ""


@dataclass(frozen=True, slots=True)
class _Composer:
    """Builds the chapter of one issue."""

    carried: CarriedIssue
    detail: DigestDetail
    language: Language

    @property
    def _is_whole(self) -> bool:
        return self.detail is DigestDetail.FULL or not self.carried.url

    def chapter(self) -> Chapter:
        issue, url = self.carried.content, self.carried.url
        dated = msg("Issue of {day}", day=Day(issue.issue_date)).in_language(self.language)
        body: tuple[Block, ...] = (Paragraph(content=(Text(text=dated),)),)
        if self._is_whole:
            body += self._blocks(issue.lead)
        elif self.detail is DigestDetail.SUMMARIES:
            body += _paragraph(issue.preheader or first_sentence(issue.lead))
        link = Link(url=url, label=msg("Read this issue").in_language(self.language))
        return Chapter(
            heading=issue.title,
            body=body,
            links=(link,) if url else (),
            sections=tuple(
                section
                for number, chapter in enumerate(issue.chapters, start=1)
                for section in self._sections(number, chapter)
            ),
            condition=self.carried.label,
        )

    def _sections(self, number: int, chapter: Chapter) -> list[Section]:
        condition = self._query(chapter.condition)
        own = Section(
            heading=chapter.heading,
            body=self._shown(chapter.body),
            links=self._links(chapter.links, chapter_anchor(number), alone=not chapter.items),
            items=tuple(
                self._item(item, item_anchor(number, None, place))
                for place, item in enumerate(chapter.items, start=1)
            ),
            condition=condition,
        )
        within = [
            Section(
                heading=section.heading or chapter.heading,
                body=self._shown(section.body),
                links=self._links(
                    section.links, section_anchor(number, place), alone=not section.items
                ),
                items=tuple(
                    self._item(item, item_anchor(number, place, at))
                    for at, item in enumerate(section.items, start=1)
                ),
                condition=_both(condition, self._query(section.condition)),
            )
            for place, section in enumerate(chapter.sections, start=1)
        ]
        is_empty = not (own.body or own.items or (self._is_whole and own.links))
        return within if is_empty and within else [own, *within]

    def _item(self, item: Item, anchor: str) -> Item:
        return Item(
            headline=item.headline,
            body=self._shown(item.body),
            links=self._links(item.links, anchor, alone=True),
            condition=self._query(item.condition),
        )

    def _links(self, links: tuple[Link, ...], anchor: str, *, alone: bool) -> tuple[Link, ...]:
        if self._is_whole:
            return links
        # With conditional parts the anchors depend on the reader, and cannot be linked to.
        place = "" if part_conditions(self.carried.content) else f"#{anchor}"
        label = msg("Read more").in_language(self.language)
        return (Link(url=f"{self.carried.url}{place}", label=label),) if alone else ()

    def _shown(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        if self._is_whole:
            return self._blocks(blocks)
        if self.detail is DigestDetail.HEADLINES:
            return ()
        return _paragraph(first_sentence(blocks))

    def _blocks(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        """Return the blocks for a digest, with queries in the place of their conditions."""
        return tuple(
            map_within(
                replace(block, condition=self._query(block.condition))
                if isinstance(block, Conditional)
                else block,
                self._blocks,
            )
            for block in blocks
            if not isinstance(block, Contents | Comment)
        )

    def _query(self, condition: str) -> str:
        return self.carried.queries.get(condition, condition) if condition else ""


def _both(one: str, other: str) -> str:
    return f"({one}) and ({other})" if one and other else one or other


def _paragraph(words: str) -> tuple[Block, ...]:
    return (Paragraph(content=(Text(text=words),)),) if words else ()
