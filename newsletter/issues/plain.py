"""Blocks and runs as plain characters, without wrapping."""

from __future__ import annotations

from newsletter.issues.model import (
    Anchor,
    Block,
    Code,
    Inline,
    LineBreak,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Text,
    Verbatim,
)


def inline_text(content: tuple[Inline, ...]) -> str:
    """Return running text; the URL of a link stands behind its words when they differ."""
    return "".join(map(_run_text, content))


def _run_text(run: Inline) -> str:
    match run:
        case Text(text=text) | Code(text=text):
            return text
        case LineBreak():
            return "\n"
        case Anchor(url=url, content=content):
            words = inline_text(content)
            return url if words == url else f"{words} <{url}>"
        case _:
            return inline_text(run.content)


def block_text(block: Block) -> str:
    """Return a block's lines."""
    match block:
        case Paragraph(content=content):
            return inline_text(content)
        case Verbatim(text=text):
            return text
        case Picture(alt=alt, source=source):
            return f"[{alt}] {source}"
        case Quotation(blocks=blocks):
            return "\n".join(
                f"> {line}" for inner in blocks for line in block_text(inner).split("\n")
            )
        case ListBlock(items=items, ordered=ordered, start=start):
            marks = (f"{start + index}. " if ordered else "・" for index in range(len(items)))
            return "\n".join(
                mark + "\n".join(map(block_text, blocks))
                for mark, blocks in zip(marks, items, strict=False)
            )
