"""Writing of issues as Markdown that parses to an equal issue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import assert_never

import yaml

from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.events import write_span
from newsletter.issues.library.files import kind_name
from newsletter.issues.markdown.blocks import DONE_TASK, OPEN_TASK
from newsletter.issues.markdown.dialect import write_merge_field
from newsletter.issues.markdown.fences import (
    Fence,
    write_fields,
    write_held,
    write_line,
    write_part_condition,
)
from newsletter.issues.markdown.inline import GUARDED, WINDOWS_PATH, flanks
from newsletter.issues.model import (
    Alignment,
    Anchor,
    Block,
    Cell,
    Chapter,
    Code,
    Columns,
    Comment,
    Conditional,
    Contents,
    Emphasis,
    Footnote,
    Gallery,
    Heading,
    Inline,
    Issue,
    Item,
    LineBreak,
    Link,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Snippet,
    Strikethrough,
    Strong,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)

_SPECIAL = re.compile(
    r"[\\`\[\]]|(?<!\S )\*|\*(?! )|<(?=[A-Za-z/!?\\]|$)|&(?=#?[A-Za-z0-9]+;)"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|[!^]$|\^(?=\[)|~(?=~|$)|(?<=~)~|^~"
)
#: Brackets that cannot be parsed as a link, footnote, task or merge field.
_PLAIN_BRACKETS = re.compile(
    r"(?<![!^:\]A-Za-z0-9\\])\[(?![xX]\])[^\[\]\\`*<&_~!^\s][^\[\]\\`*<&~!^]*\](?![(\[:{])"
)
_LINE_START = re.compile(
    r"(#{1,6}(?=\s|$)|>|[-+](?=\s|$)|[-=~:]{3,}|:for(?=\[)|=+\s*$|-+\s*$|[-:|][-:| \t]*$)"
)
_LIST_START = re.compile(r"(\d{1,9})([.)])(?=\s|$)")
#: A footnote reference followed by a colon, which would be parsed as a definition.
_NOTE_START = re.compile(r"^(\[\^\d+\]):")
#: The alternative sign for emphasis next to or within other emphasis.
_OTHER = {"*": "_", "_": "*", "~": "*"}
_AUTOLINK = re.compile(r"https?://[A-Za-z0-9:/._~?=#@;,+$!()'-]+")
_MAILBOX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}")
#: A URL that needs no escaping within round brackets.
_PLAIN_TARGET = re.compile(r"(?:[A-Za-z0-9:/._~?=#@,+$!%-]|&(?!#?[A-Za-z0-9]+;))+")
_TASKS = {OPEN_TASK: "[ ]", DONE_TASK: "[x]"}


def to_markdown(issue: Issue, *, template: str = "") -> str:
    """Return an issue as Markdown with front matter, which names ``template`` if given."""
    body = body_to_markdown(issue.lead, issue.chapters)
    return f"---\n{_front_matter(issue, template)}---\n" + (f"\n{body}\n" if body else "")


def body_to_markdown(lead: Sequence[Block], chapters: Iterable[Chapter]) -> str:
    """Return the Markdown after the front matter."""
    writer = _Writer()
    parts = [*writer.body(lead, ())]
    for chapter in chapters:
        parts.extend(writer.chapter(chapter))
    return "\n\n".join(parts)


def _front_matter(issue: Issue, template: str) -> str:
    values: dict[str, object] = {
        "title": issue.title,
        "date": issue.issue_date,
        "language": issue.language.value,
        "number": issue.number,
        "masthead": issue.masthead,
        "preheader": issue.preheader,
        "template": template,
        "contents": [
            {
                name: value
                for name, value in (
                    ("text", line.text),
                    ("label", line.label),
                    ("anchor", line.anchor),
                    ("level", line.level),
                )
                if value
            }
            for line in issue.contents
        ],
        "credits": list(issue.credits),
    }
    filled = {name: value for name, value in values.items() if value or name == "title"}
    text: str = yaml.safe_dump(filled, allow_unicode=True, sort_keys=False, width=10_000)
    return text


def blocks_to_markdown(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown, such as the body of one part."""
    return "\n\n".join(_Writer().body(blocks, ()))


def link_to_markdown(link: Link) -> str:
    """Return a link on its own as Markdown."""
    if not link.label and _AUTOLINK.fullmatch(link.url):
        return f"<{link.url}>"
    return f"{_label(_escaped_edges(_escaped(link.label or link.url)))}({_target(link.url)})"


def _label(words: str) -> str:
    """Return the text of a link in brackets; a leading ``^``, as in a footnote, is escaped."""
    return f"[\\{words}]" if words.startswith("^") else f"[{words}]"


def _target(url: str) -> str:
    if _PLAIN_TARGET.fullmatch(url):
        return url
    escaped = re.sub(r"([\\<>])", r"\\\1", url).replace("&", "&amp;").replace("\n", "")
    return f"<{escaped}>"


def _title(title: str) -> str:
    return " " + '"' + re.sub(r'([\\"&<`])', r"\\\1", title) + '"' if title else ""


def _heading(level: int, text: str, number: str = "", *, condition: str) -> str:
    words = _escaped_edges(_escaped(text), trailing="#")
    heading = f"{'#' * level} {number}{words}".rstrip(" ")
    return f"{heading}\n{write_part_condition(condition)}" if condition else heading


class _Writer:
    """Writes the parts of a text; a footnote is defined after the first part that contains it."""

    def __init__(self) -> None:
        self._labels: dict[Footnote, int] = {}
        self._defined = 0

    def chapter(self, chapter: Chapter) -> Iterator[str]:
        number = f"{chapter.number}. " if chapter.number is not None else ""
        yield _heading(1, chapter.heading, number, condition=chapter.condition)
        yield from self.body(chapter.body, chapter.links)
        for item in chapter.items:
            yield from self._item(item)
        for section in chapter.sections:
            yield _heading(2, section.heading, condition=section.condition)
            yield from self.body(section.body, section.links)
            for item in section.items:
                yield from self._item(item)

    def _item(self, item: Item) -> Iterator[str]:
        yield _heading(3, item.headline, condition=item.condition)
        yield from self.body(item.body, item.links)

    def body(self, blocks: Sequence[Block], links: Sequence[Link]) -> Iterator[str]:
        """Yield a part's blocks, its links, and the footnotes that first occur in it."""
        yield from self._blocks(blocks)
        yield from map(link_to_markdown, links)
        for note, label in list(self._labels.items())[self._defined :]:
            text = self._lines(note.content)
            yield f"[^{label}]: " + text.replace("\n", "\n    ")
        self._defined = len(self._labels)

    def _blocks(self, blocks: Sequence[Block]) -> Iterator[str]:
        """Yield blocks; adjacent lists of one kind get different marks, which separates them."""
        alternate = False
        before: Block | None = None
        for block in blocks:
            match before, block:
                case ListBlock(ordered=first), ListBlock(ordered=second) if first == second:
                    alternate = not alternate
                case _:
                    alternate = False
            yield self._block(block, alternate=alternate)
            before = block

    def _block(self, block: Block, *, alternate: bool) -> str:  # noqa: C901, PLR0911, PLR0912 - one a kind
        match block:
            case Paragraph(content=content):
                return self._lines(content)
            case Heading(level=level, content=content):
                words = _escaped_edges(self._runs(content, breaks="<br>"), trailing="#")
                return f"{'#' * level} {words}"
            case ListBlock():
                return self._list(block, alternate=alternate)
            case Quotation():
                lines = self._quotation(block).split("\n")
                return "\n".join(f"> {line}".rstrip(" ") for line in lines)
            case Picture():
                return self._picture(block)
            case Gallery(pictures=pictures):
                return write_held(Fence.GALLERY, "\n".join(map(self._picture, pictures)))
            case Conditional(condition=condition, blocks=blocks):
                inner = "\n\n".join(self._blocks(blocks))
                return write_held(Fence.CONDITIONAL, inner, rest=condition)
            case Columns(left=left, right=right):
                sides = ("\n\n".join(self._blocks(side)) for side in (left, right))
                return write_held(Fence.COLUMNS, *sides)
            case Button(label=label, url=url):
                words = _escaped_edges(_escaped(label))
                return write_line(Fence.BUTTON, f"{_label(words)}({_target(url)})")
            case Contents():
                return write_line(Fence.CONTENTS, "")
            case Snippet(name=name):
                return write_line(Fence.SNIPPET, " ".join(name.split()))
            case File():
                return write_fields(Fence.FILE, _file_fields(block))
            case Event():
                return write_fields(Fence.EVENT, _event_fields(block))
            case Contact():
                return write_fields(Fence.CONTACT, asdict(block))
            case Verbatim(text=text):
                longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
                fence = "`" * max(3, longest + 1)
                return f"{fence}\n{text}\n{fence}"
            case Table():
                return self._table(block)
            case ThematicBreak():
                return "___"
            case Comment(text=text):
                return f"<!--{text}-->"
            case _:
                assert_never(block)

    def _quotation(self, block: Quotation) -> str:
        """Return a quotation without ``>``; the last line is its source."""
        *others, last = ["", *self._blocks(block.blocks)]
        text = "\n\n".join([*others[1:], last])
        if not block.source:
            return _without_source(text) if block.blocks and _has_lines(block.blocks[-1]) else text
        apart = "\n" if block.blocks and _has_lines(block.blocks[-1]) else "\n\n"
        source = self._runs(block.source, breaks="<br>")
        return f"{text}{apart}\N{EM DASH} {_escaped_edges(source)}"

    def _picture(self, picture: Picture) -> str:
        title = _title(picture.title)
        image = f"![{_escaped(picture.alt)}]({_target(picture.source)}{title})"
        linked = f"[{image}]({_target(picture.url)})" if picture.url else image
        return f"{linked}\n: {self._lines(picture.caption)}" if picture.caption else linked

    def _list(self, block: ListBlock, *, alternate: bool) -> str:
        close, bullet = (")", "*") if alternate else (".", "-")
        written: list[str] = []
        for index, item in enumerate(block.items):
            mark = f"{block.start + index}{close} " if block.ordered else f"{bullet} "
            text = "\n\n".join(self._blocks(item))
            match item:
                case (Paragraph(content=(Text(text=words), *_)), *_) if (
                    words[:1] in _TASKS and words[1:2] == " "
                ):
                    text = _TASKS[words[0]] + text[1:]
                case _:
                    pass
            if block.ordered and item and isinstance(item[0], ListBlock) and item[0].ordered:
                # Two list numbers on one line would be parsed as a date.
                text = f"\n{text}"
            written.append(_indented(mark, text))
        return "\n".join(written)

    def _table(self, table: Table) -> str:
        marks = {
            Alignment.NONE: "---",
            Alignment.LEFT: ":--",
            Alignment.CENTER: ":-:",
            Alignment.RIGHT: "--:",
        }
        rule = [marks[alignment] for alignment in table.alignments]
        rows = [list(map(self._cell, row)) for row in (table.head, *table.rows)]
        rows.insert(1, rule)
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)

    def _cell(self, cell: Cell) -> str:
        return _escaped_edges(self._runs(cell, breaks="<br>")).replace("|", "\\|")

    def _lines(self, content: tuple[Inline, ...]) -> str:
        return "\n".join(map(_line, self._runs(content).split("\n")))

    def _runs(self, content: tuple[Inline, ...], *, outer: str = "", breaks: str = "\n") -> str:
        """Return runs as Markdown; characters that would disable an adjacent mark are encoded.

        A character reference begins and ends with punctuation, so that marks next to it are
        recognized. Adjacent marks, and marks within those of the ``outer`` sign, use the other
        sign.
        """
        parts: list[str] = []
        before = ""
        for index, run in enumerate(content):
            sign = ""
            if isinstance(run, Strikethrough):
                sign = "~"
            elif isinstance(run, Strong | Emphasis):
                sign = _OTHER[before or outer or "_"]
            text = self._run(run, sign, content[index - 1 : index + 2], breaks)
            if sign and not before and parts and not _opens(parts[-1][-1:], text, sign):
                parts[-1] = _reference_last(parts[-1])
            elif before and not sign and not _closes(parts[-1], text[:1], before):
                text = _reference_first(text)
            if text.startswith("(") and parts and isinstance(content[index - 1], Footnote):
                text = f"\\{text}"  # Otherwise, the brackets of the note and these are a link.
            parts.append(text)
            before = sign
        return "".join(parts)

    def _run(self, run: Inline, sign: str, around: Sequence[Inline], breaks: str) -> str:  # noqa: PLR0911 - one a kind
        match run:
            case Text(text=text):
                return _escaped(text)
            case Strong(content=content) | Strikethrough(content=content):
                inner = _escaped_edges(self._runs(content, outer=sign, breaks=breaks))
                return sign * 2 + inner + sign * 2
            case Emphasis(content=content):
                return sign + _escaped_edges(self._runs(content, outer=sign, breaks=breaks)) + sign
            case Code(text=text):
                longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
                fence = "`" * (longest + 1)
                return f"{fence} {text} {fence}"
            case Anchor():
                return self._anchor(run, breaks)
            case LineBreak():
                within = len(around) == len("a\nb") and not any(
                    isinstance(each, LineBreak) for each in (around[0], around[2])
                )
                return breaks if within else "<br>"
            case Footnote():
                return f"[^{self._labels.setdefault(run, len(self._labels) + 1)}]"
            case MergeField(field=field, fallback=fallback):
                return write_merge_field(field, fallback)
            case Comment(text=text):
                return f"<!--{text}-->"
            case _:
                assert_never(run)

    def _anchor(self, anchor: Anchor, breaks: str) -> str:
        match anchor:
            case Anchor(url=url, content=(Text(text=words),), title="") if (
                words == url and _AUTOLINK.fullmatch(url)
            ):
                return f"<{url}>"
            case Anchor(url=url, content=(Text(text=words),), title="") if (
                url == f"mailto:{words}" and _MAILBOX.fullmatch(words)
            ):
                return f"<{words}>"
            case Anchor(url=url, content=content, title=title):
                words = self._runs(content, breaks=breaks)
                return f"{_label(words)}({_target(url)}{_title(title)})"


def _indented(mark: str, text: str) -> str:
    if not text:
        return mark.rstrip(" ")
    hang = " " * len(mark)
    first, *rest = text.split("\n")
    head = mark + first if first else mark.rstrip(" ")
    return "\n".join([head, *(hang + line if line else "" for line in rest)])


def _line(text: str) -> str:
    """Return a line of running text, escaped so that it is not parsed as a list, heading, etc."""
    edged = _NOTE_START.sub(r"\1&#58;", _escaped_edges(text))
    escaped = _LIST_START.sub(r"\1\\\2", edged, count=1) if _LIST_START.match(edged) else edged
    return "\\" + escaped if _LINE_START.match(escaped) else escaped


def _has_lines(block: Block) -> bool:
    """Return whether a line directly after a block would be parsed as part of its text."""
    return isinstance(block, Paragraph)


def _without_source(text: str) -> str:
    """Return a quotation's text, escaped so that the last line is not parsed as its source."""
    above, end, last = text.rpartition("\n")
    dashed = last.startswith(("\N{EM DASH} ", "\N{HORIZONTAL BAR} "))
    return f"{above}{end}&#{ord(last[0])};{last[1:]}" if dashed else text


def _file_fields(file: File) -> dict[str, str]:
    size = str(file.size or "")
    kind = kind_name(file.media_type)
    return {"name": file.name, "url": file.url, "type": kind, "size": size}


def _event_fields(event: Event) -> dict[str, str]:
    span = write_span(event)
    when = {"date": span} if span else {"starts": event.starts, "ends": event.ends or ""}
    return {
        "name": event.name,
        **when,
        "place": event.place,
        "capacity": event.capacity,
        "url": event.url,
    }


def _opens(before: str, marked: str, sign: str) -> bool:
    return flanks(before or " ", marked.lstrip(sign)[:1] or " ", sign)[0]


def _closes(marked: str, after: str, sign: str) -> bool:
    return flanks(marked.rstrip(sign)[-1:] or " ", after or " ", sign)[1]


def _escaped(text: str) -> str:
    done, parts = 0, []
    for path in WINDOWS_PATH.finditer(text):
        if len(path[0]) == len("C:\\"):
            continue  # The next characters decide.
        # The text after a path must not be parsed as part of it.
        behind = text[path.end() : path.end() + 1]
        before = _escaped_words(text[done : path.start()])
        parts += [before, path[0], f"&#{ord(behind)};" if behind else ""]
        done = path.end() + len(behind)
    return "".join([*parts, _escaped_words(text[done:])])


def _escaped_words(text: str) -> str:
    guarded = GUARDED.sub("\0", text)
    plain = {
        at
        for found in _PLAIN_BRACKETS.finditer(guarded)
        # If it is the whole text, a following colon would make it the definition of a link.
        if found[0] != guarded
        for at in (found.start(), found.end() - 1)
    }

    def escape(match: re.Match[str], written: str) -> str:
        return match[0] if match.start() in plain else written

    escaped = _SPECIAL.sub(lambda match: escape(match, f"\\{match[0]}"), guarded)
    if WINDOWS_PATH.search(escaped):
        # A backslash would be parsed as part of the path.
        escaped = _SPECIAL.sub(lambda match: escape(match, f"&#{ord(match[0])};"), guarded)
    return escaped.replace("\0", "\\").replace("\n", "&#10;")


def _escaped_edges(text: str, *, trailing: str = "") -> str:
    """Return text whose white space at both ends is encoded; CommonMark drops it otherwise."""
    if text and (text[0].isspace()):
        text = f"&#{ord(text[0])};" + text[1:]
    if text and (text[-1].isspace() or text[-1] in trailing):
        text = text[:-1] + f"&#{ord(text[-1])};"
    return text


def _reference_first(text: str) -> str:
    if not text or not text[0].isalnum():
        return text
    return f"&#{ord(text[0])};{text[1:]}"


def _reference_last(text: str) -> str:
    if not text or not text[-1].isalnum():
        return text
    return f"{text[:-1]}&#{ord(text[-1])};"
