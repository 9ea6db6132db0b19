"""Blocks and runs of an issue as escaped HTML that is also well-formed XML, as MJML wants it."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from newsletter.issues.model import (
    Anchor,
    Block,
    Code,
    Emphasis,
    Inline,
    LineBreak,
    ListBlock,
    Paragraph,
    Picture,
    Quotation,
    Strong,
    Text,
    Verbatim,
)


def inline_html(content: Iterable[Inline]) -> Markup:
    """Return running text as HTML."""
    return Markup("").join(map(_run, content))


def _run(run: Inline) -> Markup:
    match run:
        case Text(text=text):
            return escape(text)
        case Strong(content=content):
            return Markup("<strong>{}</strong>").format(inline_html(content))
        case Emphasis(content=content):
            return Markup("<em>{}</em>").format(inline_html(content))
        case Code(text=text):
            return Markup("<code>{}</code>").format(text)
        case Anchor(url=url, content=content):
            return Markup('<a class="link" href="{}">{}</a>').format(url, inline_html(content))
        case LineBreak():
            return Markup("<br />")


def blocks_html(blocks: Iterable[Block]) -> Markup:
    """Return blocks as HTML; classes are those of the shared style sheet."""
    return Markup("").join(map(_block, blocks))


def _block(block: Block) -> Markup:
    match block:
        case Paragraph(content=content):
            return Markup('<p class="body">{}</p>').format(inline_html(content))
        case ListBlock(items=items, ordered=ordered, start=start):
            inner = Markup("").join(
                Markup('<li class="point">{}</li>').format(_list_item(item)) for item in items
            )
            if ordered:
                return Markup('<ol class="body" start="{}">{}</ol>').format(start, inner)
            return Markup('<ul class="body">{}</ul>').format(inner)
        case Quotation(blocks=blocks):
            return Markup('<blockquote class="quotation">{}</blockquote>').format(
                blocks_html(blocks)
            )
        case Picture(source=source, alt=alt, url=url):
            image = Markup('<img class="picture" src="{}" alt="{}" width="600" />').format(
                source, alt
            )
            if url:
                image = Markup('<a href="{}">{}</a>').format(url, image)
            return Markup('<p class="body">{}</p>').format(image)
        case Verbatim(text=text):
            lines = Markup("<br />").join(text.split("\n"))
            return Markup('<p class="body">{}</p>').format(lines)


def _list_item(blocks: tuple[Block, ...]) -> Markup:
    """Return a list item; one that is a single paragraph stands without its tag."""
    match blocks:
        case (Paragraph(content=content),):
            return inline_html(content)
        case _:
            return blocks_html(blocks)
