"""The guide for editors: from draft to report, keys, blocks and their Markdown, terms.

The documentation is in English and for whoever runs the system; editors find here what they need,
in their language. The Markdown of each block is read by a test, so it is what the reader accepts.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi.responses import HTMLResponse

from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.web.access import SignedInVisit
from newsletter.web.pages import show_page
from newsletter.web.routing import Router


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenBlock:
    """A block that editors can write.

    Attributes:
        name: Its name, as in the editor's list of blocks.
        use: What it is for.
        markdown: An example in Markdown.
    """

    name: Message
    use: Message
    markdown: Message


BLOCKS = (
    WrittenBlock(
        name=msg("Chapter"),
        use=msg("A main part; in the table of contents"),
        markdown=pmsg("markdown", "# City news"),
    ),
    WrittenBlock(
        name=msg("Section"),
        use=msg("A heading within a chapter"),
        markdown=pmsg("markdown", "## Children"),
    ),
    WrittenBlock(
        name=msg("Item"),
        use=msg("A piece of news: headline, text, links"),
        markdown=pmsg(
            "markdown",
            "### The library opens on Sundays\n"
            "\n"
            "From December it is open **every day**.\n"
            "\n"
            "[Opening hours](https://example.jp/library)",
        ),
    ),
    WrittenBlock(
        name=msg("Subheading"),
        use=msg("A small heading in the text"),
        markdown=pmsg("markdown", "#### How to apply"),
    ),
    WrittenBlock(
        name=msg("Text"),
        use=msg("Running text"),
        markdown=pmsg(
            "markdown",
            "**bold**, *italic*, ~~struck~~, `code`\nA line that is typed is a line that is read.",
        ),
    ),
    WrittenBlock(
        name=msg("Bulleted list"),
        use=msg("Points without an order"),
        markdown=pmsg("markdown", "- Bring a pen\n- Bring a drink"),
    ),
    WrittenBlock(
        name=msg("Numbered list"),
        use=msg("Steps in their order"),
        markdown=pmsg("markdown", "1. Fill in the form\n2. Send it by post"),
    ),
    WrittenBlock(
        name=msg("Table"),
        use=msg("Rows and columns"),
        markdown=pmsg("markdown", "| Day | Hours |\n| --- | --- |\n| Monday | 9:00–17:00 |"),
    ),
    WrittenBlock(
        name=msg("Quotation"),
        use=msg("Somebody else’s text"),
        markdown=pmsg("markdown", "> It was a fine day.\n> — A visitor"),
    ),
    WrittenBlock(
        name=msg("Picture"),
        use=msg("From a file, with alternative text"),
        markdown=pmsg(
            "markdown", "![The new library](https://example.jp/library.jpg)\n: Photo: Town hall"
        ),
    ),
    WrittenBlock(
        name=msg("Pictures in a row"),
        use=msg("Two to four beside each other"),
        markdown=pmsg(
            "markdown",
            ":::gallery\n"
            "![The entrance](https://example.jp/1.jpg)\n"
            "![The hall](https://example.jp/2.jpg)\n"
            ":::",
        ),
    ),
    WrittenBlock(
        name=msg("Button"),
        use=msg("A link that stands out"),
        markdown=pmsg("markdown", ":::button [Apply](https://example.jp/apply)"),
    ),
    WrittenBlock(
        name=msg("Divider"),
        use=msg("A line between two thoughts"),
        markdown=pmsg("markdown", "---"),
    ),
    WrittenBlock(
        name=msg("Two columns"),
        use=msg("Side by side; below each other on a telephone"),
        markdown=pmsg("markdown", ":::columns\nLeft\n+++\nRight\n:::"),
    ),
    WrittenBlock(
        name=msg("Event"),
        use=msg("Date, place, capacity"),
        markdown=pmsg(
            "markdown",
            ":::event\n"
            "name: Course on earthquakes\n"
            "date: 2026-12-03 10:00-11:30\n"
            "place: Town hall, third floor\n"
            "capacity: 40\n"
            "url: https://example.jp/course\n"
            ":::",
        ),
    ),
    WrittenBlock(
        name=msg("Contact"),
        use=msg("Who answers questions"),
        markdown=pmsg(
            "markdown",
            ":::contact\n"
            "department: Public relations\n"
            "phone: 03-0000-0000\n"
            "email: info@example.jp\n"
            "hours: Weekdays 8:30–17:15\n"
            ":::",
        ),
    ),
    WrittenBlock(
        name=msg("File"),
        use=msg("To download, such as a PDF"),
        markdown=pmsg(
            "markdown",
            ":::file\n"
            "name: Application form\n"
            "url: https://example.jp/form.pdf\n"
            "type: PDF\n"
            "size: 1.2 MB\n"
            ":::",
        ),
    ),
    WrittenBlock(
        name=msg("Table of contents"),
        use=msg("Its place"),
        markdown=pmsg("markdown", ":::contents"),
    ),
    WrittenBlock(
        name=msg("Snippet"),
        use=msg("A text that is kept for reuse"),
        markdown=pmsg("markdown", ":::snippet Contact of the town hall"),
    ),
    WrittenBlock(
        name=msg("Part for some readers"),
        use=msg("Shown to those who meet a condition"),
        markdown=pmsg("markdown", ':::for language = "ja"\nOnly these readers see this.\n:::'),
    ),
    WrittenBlock(
        name=msg("Reader’s name or field"),
        use=msg("Filled in for each reader"),
        markdown=pmsg("markdown", "Good morning, :field[name|reader]."),
    ),
    WrittenBlock(
        name=msg("Footnote"),
        use=msg("A note below the part"),
        markdown=pmsg("markdown", "It costs nothing^[Except for materials.]."),
    ),
    WrittenBlock(
        name=msg("Preformatted text"),
        use=msg("Keeps line breaks and spaces"),
        markdown=pmsg("markdown", "```\n10:00  Opening\n12:00  Lunch\n```"),
    ),
    WrittenBlock(
        name=msg("Note for editors"),
        use=msg("Readers never see it"),
        markdown=pmsg("markdown", "<!-- Ask the library for a picture -->"),
    ),
)

#: Keys of the editor, parted by blanks, and what they do.
KEYS = (
    ("/", msg("In an empty line: the list of blocks; type on to find one")),
    ("Ctrl+B", msg("Bold")),
    ("Ctrl+I", msg("Italic")),
    ("Ctrl+K", msg("Link; also the address of a button or picture")),
    ("Ctrl+Z", msg("Undo")),
    ("Ctrl+Shift+Z", msg("Redo")),
    ("Alt+↑ Alt+↓", msg("Move the block, or the part with all that belongs to it")),
    ("Ctrl+Alt+1 Ctrl+Alt+2 Ctrl+Alt+3", msg("Chapter, section, item")),
    ("Ctrl+Alt+0", msg("Text")),
    ("Tab", msg("Deeper in a list; the next cell of a table")),
    ("Ctrl+S", msg("Save as a version of its own")),
)

#: Terms of the pages, and what they mean.
TERMS = (
    (msg("Issue"), msg("One edition of a newsletter. Until it is sent, it is a draft.")),
    (
        msg("Mailing"),
        msg("One sending of an issue to its audience, with its own progress and report."),
    ),
    (msg("Preflight"), msg("The checks of an issue before it is sent: errors, warnings, hints.")),
    (msg("Pattern"), msg("An issue that the next ones begin from.")),
    (msg("Snippet"), msg("Blocks kept under a name; any issue can use them.")),
    (
        msg("Segment"),
        msg("Some of the readers, by a saved condition: an audience, or who sees a part."),
    ),
    (msg("Topics"), msg("What readers choose to hear about.")),
    (msg("Series"), msg("Issues that each new reader gets one after another.")),
    (msg("Digest"), msg("One email a week or a month, for readers who want fewer.")),
    (msg("Bounce"), msg("An email that came back because it could not be delivered.")),
    (
        msg("Suppressed"),
        msg("No mail goes to this address any more: it bounced, complained or was blocked."),
    ),
)


router = Router()


@router.get("/guide")
def _show_guide(visit: SignedInVisit) -> HTMLResponse:
    return show_page(visit, "guide.html", blocks=BLOCKS, keys=KEYS, terms=TERMS)
