"""Blocks of an issue as plain text in the manner of Japanese mail."""

from __future__ import annotations

from collections.abc import Iterable

from newsletter.issues.model import Block, ListBlock, Quotation
from newsletter.issues.plain import block_text
from newsletter.rendering.wrap import COLUMNS, wrap


def rule(mark: str = "─") -> str:
    """Return a line across the page; Japanese fonts draw these marks two columns wide."""
    return mark * (COLUMNS // 2)


def blocks_text(blocks: Iterable[Block]) -> str:
    """Return blocks wrapped, paragraphs set apart by an empty line."""
    return "\n\n".join(map(_block, blocks))


def _block(block: Block) -> str:
    match block:
        case ListBlock(items=items, ordered=ordered, start=start):
            return "\n".join(
                _point(f"{start + index}. " if ordered else "・", inner)
                for index, inner in enumerate(items)
            )
        case Quotation(blocks=blocks):
            inner_text = "\n\n".join(map(block_text, blocks))
            return wrap(inner_text, indent="> ")
        case _:
            return wrap(block_text(block))


def _point(mark: str, blocks: tuple[Block, ...]) -> str:
    """Return a list item whose further lines stand under its first word."""
    hang = "  " if mark == "・" else " " * len(mark)
    lines = wrap("\n".join(map(block_text, blocks)), indent=hang)
    return mark + lines[len(hang) :]
