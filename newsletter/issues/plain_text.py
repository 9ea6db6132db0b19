"""Blocks and runs as plain characters, without wrapping."""

from __future__ import annotations

import re
from typing import assert_never

from wcwidth import iter_graphemes

from newsletter.issues.cards import Button, Contact, Event, File
from newsletter.issues.model import (
    Anchor,
    Block,
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
    LineBreak,
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

#: The end of a phrase: at a space or comma, or after a Japanese particle that is not before kana.
_PAUSE = re.compile(
    r"[、\uff0c\uff1b。！？!?\uff09」』](?![、。」』\uff09])|(?=\s)"
    r"|[をはがにでとのもやへな](?=[^\Wぁ-んー]|[「『\uff08])"
)
#: An ASCII number or word at the end, which may be incomplete where a text is cut.
_BEGUN = re.compile(r"[0-9A-Za-z,.]+\Z")
#: Characters that must not precede an ellipsis.
_OPEN = " \u3000、,;(「『・\uff0c\uff1b\uff08"
_SENTENCE = re.compile(r".*?(?:[。！？!?]+[」』）)]*|\.(?=\s|\Z)|\Z)\s*", re.DOTALL)


def inline_text(content: tuple[Inline, ...]) -> str:
    """Return running text; the URL of a link follows its text if they differ."""
    return "".join(map(_run_text, content))


def _run_text(run: Inline) -> str:  # noqa: PLR0911 - one branch per kind
    match run:
        case Text(text=text) | Code(text=text):
            return text
        case LineBreak():
            return "\n"
        case Anchor():
            return with_target(inline_text(run.content), run)
        case Strong(content=content) | Emphasis(content=content):
            return inline_text(content)
        case Strikethrough(content=content):
            return struck(inline_text(content))
        case Footnote(content=content):
            return f" [{inline_text(content)}]"
        case MergeField(fallback=fallback):
            return fallback
        case Comment():
            return ""
        case _:
            assert_never(run)


def with_target(words: str, anchor: Anchor) -> str:
    """Return a link's text, its title, and its URL unless that is the text."""
    url = anchor.url
    titled = f"{words} ({anchor.title})" if anchor.title else words
    return titled if url in {words, f"mailto:{words}", f"tel:{words}"} else f"{titled} <{url}>"


def struck(words: str) -> str:
    """Return struck-through words in plain text."""
    return f"~~{words}~~"


def inline_words(content: tuple[Inline, ...]) -> str:
    """Return running text without URLs, footnotes and comments."""
    return "".join(map(_run_words, content))


def _run_words(run: Inline) -> str:
    match run:
        case Text(text=text) | Code(text=text):
            return text
        case LineBreak():
            return "\n"
        case (
            Anchor(content=content)
            | Strong(content=content)
            | Emphasis(content=content)
            | Strikethrough(content=content)
        ):
            return inline_words(content)
        case MergeField(fallback=fallback):
            return fallback
        case Footnote() | Comment():
            return ""
        case _:
            assert_never(run)


def block_text(block: Block) -> str:  # noqa: C901, PLR0911, PLR0912 - one branch per kind
    """Return a block's lines."""
    match block:
        case Paragraph(content=content) | Heading(content=content):
            return inline_text(content)
        case Verbatim(text=text):
            return text
        case Picture():
            return picture_text(block)
        case Quotation(blocks=blocks, source=source):
            lines = [*map(block_text, blocks), *([f"— {inline_text(source)}"] if source else [])]
            return "\n".join(f"> {line}" for inner in lines for line in inner.split("\n"))
        case Gallery(pictures=pictures):
            return "\n".join(map(picture_text, pictures))
        case Conditional(blocks=inner):
            return "\n".join(map(block_text, inner))
        case Columns(left=left, right=right):
            return "\n".join(map(block_text, (*left, *right)))
        case Button(label=label, url=url) | File(name=label, url=url):
            return f"{label} <{url}>"
        case Event() | Contact():
            return "\n".join(filter(None, (*block.words, block.url)))
        case Contents() | Snippet():
            return ""
        case ListBlock(items=items, ordered=ordered, start=start):
            marks = (f"{start + index}. " if ordered else "・" for index in range(len(items)))
            return "\n".join(
                mark + "\n".join(map(block_text, blocks))
                for mark, blocks in zip(marks, items, strict=True)
            )
        case Table(head=head, rows=rows):
            return "\n".join(" | ".join(map(inline_text, row)) for row in (head, *rows))
        case ThematicBreak():
            return "* * *"
        case Comment():
            return ""
        case _:
            assert_never(block)


def picture_text(picture: Picture) -> str:
    """Return a picture's alternative text, its URL, and the target of its link."""
    description = (
        f"[{picture.alt}]" if picture.alt.strip() else "",
        picture.title and f"({picture.title})",
    )
    where = " ".join(filter(None, (*description, picture.source)))
    led = f"{where}\n→ {picture.url}" if picture.url else where
    return f"{led}\n{inline_text(picture.caption)}" if picture.caption else led


def split_sentences(words: str) -> list[str]:
    """Return the sentences of a text, each with the spaces after it.

    A sentence ends at a Japanese or ASCII mark, with any closing brackets after it. An ASCII full
    stop ends a sentence only before a space, since URLs and numbers contain full stops.
    """
    return [sentence for sentence in _SENTENCE.findall(words) if sentence]


def shortened(words: str, most: int) -> str:
    """Return the beginning of a text, with at most ``most`` characters.

    Whole sentences are used if they fill at least half of that. Otherwise the text is cut after the
    last word or phrase that fits, with an ellipsis; between letters only if there is no such place.
    """
    if len(words) <= most:
        return words
    begun = ""
    for sentence in split_sentences(words):
        if len((begun + sentence).rstrip()) > most:
            break
        begun += sentence
    if 2 * len(begun) >= most:
        return begun.rstrip()
    pauses = [each.end() for each in _PAUSE.finditer(words) if each.end() < most]
    if pauses and 2 * pauses[-1] >= most:
        return words[: pauses[-1]].rstrip(_OPEN) + "…"
    letters = ""
    for letter in iter_graphemes(words):
        if len(letters + letter) >= most:
            break
        letters += letter
    # A number that is cut would be another number.
    whole = _BEGUN.sub("", letters) or letters
    return whole.rstrip(_OPEN) + "…"
