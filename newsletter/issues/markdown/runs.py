"""Operations on runs of parsed Markdown: joining, stripping, detection of leading marks."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode

from newsletter.issues.model import (
    Anchor,
    Block,
    Comment,
    Footnote,
    Inline,
    LineBreak,
    MergeField,
    Paragraph,
    Picture,
    Text,
)
from newsletter.issues.plain_text import inline_words
from newsletter.issues.walking import walk_runs

#: The beginnings of a quotation's last line that contains its source.
SOURCE_MARKS = ("\N{EM DASH} ", "\N{HORIZONTAL BAR} ")
_CAPTION_MARKS = (": ",)
_LINE_ENDS = frozenset({"softbreak", "hardbreak"})


def source_start(inline: SyntaxTreeNode) -> int | None:
    """Return the index of the node that begins the last line, if this line is a source.

    A character reference such as ``&#8212;`` does not count as a mark, and a line with a picture is
    not a source.
    """
    if not inline.content.rpartition("\n")[2].startswith(SOURCE_MARKS):
        return None
    nodes = inline.children
    starts = [
        at
        for at, node in enumerate(nodes)
        if node.type == "text"
        and node.content.startswith(SOURCE_MARKS)
        and (at == 0 or nodes[at - 1].type in _LINE_ENDS)
    ]
    if not starts or any(
        node.type == "image" for part in nodes[starts[-1] :] for node in part.walk()
    ):
        return None
    return starts[-1]


def caption_in(runs: Sequence[Inline]) -> tuple[Inline, ...]:
    """Return the caption below a picture; empty if the text is not a caption."""
    match tuple(merged(runs)):
        case (LineBreak(), *rest):
            return without_mark(rest, _CAPTION_MARKS)
        case _:
            return ()


def without_mark(runs: Sequence[Inline], marks: tuple[str, ...]) -> tuple[Inline, ...]:
    """Return the runs after a mark; empty if there is no mark."""
    match runs:
        case [Text(text=text), *rest] if text.startswith(marks):
            behind = text[len(marks[0]) :]
            content = without_blank_edges((*([Text(text=behind)] if behind else []), *rest))
            return content if shows(content) else ()
        case _:
            return ()


def paragraph_of(runs: Iterable[Inline]) -> Iterator[Block]:
    """Yield a paragraph; comments alone are not a paragraph, and white space is dropped."""
    content = without_blank_edges(merged(runs))
    if shows(content):
        yield Paragraph(content=content)
    else:
        yield from (run for run in content if isinstance(run, Comment))


def shows(runs: Sequence[Inline]) -> bool:
    """Return whether runs have visible content."""
    return bool(inline_words(tuple(runs)).strip()) or any(
        isinstance(run, Footnote | MergeField) for run in walk_runs(runs, notes=False)
    )


def without_blank_edges(runs: Iterable[Inline]) -> tuple[Inline, ...]:
    """Return runs without white space and line breaks at both ends, which pictures leave."""
    content = deque(runs)
    for edge, strip, drop, add in (
        (0, str.lstrip, content.popleft, content.appendleft),
        (-1, str.rstrip, content.pop, content.append),
    ):
        while content:
            match content[edge]:
                case Text(text=text) if (rest := strip(text, " \t\n")) != text:
                    drop()
                    if rest:
                        add(Text(text=rest))
                case LineBreak():
                    drop()
                case _:
                    break
    return tuple(content)


def merged(runs: Iterable[Inline | Picture]) -> Iterator[Inline]:
    """Yield runs with adjacent texts joined, independent of line breaks in the source."""
    for run in merged_at_all(runs):
        assert not isinstance(run, Picture)  # noqa: S101 - the input has none
        yield run


def merged_at_all(runs: Iterable[Inline | Picture]) -> Iterator[Inline | Picture]:
    """Yield runs with adjacent texts joined, also between pictures."""
    waiting: list[str] = []
    for run in runs:
        if isinstance(run, Text):
            waiting.append(run.text)
            continue
        if waiting:
            yield Text(text="".join(waiting))
            waiting.clear()
        yield run
    if waiting:
        yield Text(text="".join(waiting))


def joins_without_space(before: Inline | Picture | None, after: Inline | Picture) -> bool:
    """Return whether a line end is dropped, which is so between Japanese characters."""
    if before is None or isinstance(before, Picture) or isinstance(after, Picture):
        return True
    left, right = inline_words((before,))[-1:], inline_words((after,))[:1]
    return all(char and unicodedata.east_asian_width(char) in "WF" for char in (left, right))


#: Settings after the fence of a code block: in braces, or as ``name=value``.
_SETTINGS = re.compile(
    r"\{[^{}]*\}|(?:(?:file)?name|file|title|caption)=(?:\"(?P<quoted>[^\"]*)\"|(?P<title>\S+))"
    r"|[\w-]+=(?:\"[^\"]*\"|\S+)",
    re.ASCII,
)
#: The name of a language, alone or before a file name; a name with a dot is that of a file.
_LANGUAGE = re.compile(r"^[A-Za-z0-9_+#-]+(?::|$)")


def words_behind_fence(info: str) -> str:
    """Return the text after the fence of a code block that is meant for readers.

    This excludes the name of a language and settings other than a title.
    """
    words = _SETTINGS.sub(lambda found: found["title"] or found["quoted"] or "", info).split()
    if words:
        words[0] = _LANGUAGE.sub("", words[0], count=1)
    return " ".join(filter(None, words))


def title_of(node: SyntaxTreeNode) -> str:
    """Return the title of a link or picture as one line."""
    return " ".join(str(node.attrs.get("title", "")).split())


def anchor_of(url: str, content: tuple[Inline, ...], title: str) -> Anchor:
    """Return a link; a title that equals its text is dropped."""
    is_repeated = title in {url, inline_words(content)}
    return Anchor(url=url, content=content, title="" if is_repeated else title)
