"""Preflight of blocks: missing or impossible content in each kind of block."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, time
from functools import partial
from itertools import chain, pairwise
from typing import assert_never

from newsletter.i18n.messages import Message, msg, nmsg
from newsletter.issues.cards import Button, Contact, Event, File, dialled, half_width, is_email
from newsletter.issues.checks.findings import Finding, IssueField, IssuePlace, Severity
from newsletter.issues.events import (
    has_hour_alone,
    is_day_or_minute,
    last_moment,
    read_moment,
    read_span,
)
from newsletter.issues.markdown.fences import Fence
from newsletter.issues.merge_fields import MERGE_FIELDS
from newsletter.issues.model import (
    Block,
    Columns,
    Comment,
    Conditional,
    Contents,
    Gallery,
    Heading,
    Inline,
    Issue,
    ListBlock,
    MergeField,
    Paragraph,
    Picture,
    Quotation,
    Snippet,
    Table,
    Text,
    ThematicBreak,
    Verbatim,
)
from newsletter.issues.outline import table_of_contents
from newsletter.issues.plain_text import inline_words
from newsletter.issues.rewriting import with_blocks
from newsletter.issues.walking import (
    content_of,
    first_words,
    running_texts,
    walk_parts,
    walk_placed_blocks,
    walk_runs,
)

#: Check boxes at the beginning of tasks, which are not part of the source.
_TASKS = "\N{BALLOT BOX}\N{BALLOT BOX WITH CHECK} "
#: The number of pictures in a row that are large enough in a mail.
_FEWEST, _MOST = 2, 4
_WIDE_DIGIT = re.compile("[\uff10-\uff19]")


def check_blocks(issue: Issue, fields: Collection[str] = ()) -> Iterator[Finding]:
    """Yield findings about blocks and about merge fields in them.

    Args:
        issue: The issue.
        fields: The keys of the newsletter's fields.
    """
    contents = 0
    for part in walk_parts(issue):
        yield from _check_numbers(part.body, part.place)
    for place, block in walk_placed_blocks(issue):
        contents += isinstance(block, Contents)
        yield from _check(block, place, issue, contents)
        for content in running_texts(block):
            for run, after in pairwise((*walk_runs(content), None)):
                if isinstance(run, MergeField):
                    yield from _check_field(run, place, fields)
                    yield from _check_honorific(run, place, after)


def _check(  # noqa: C901 - one a kind
    block: Block, place: IssuePlace, issue: Issue, contents: int
) -> Iterator[Finding]:
    match block:
        case Button():
            yield from _check_button(block, place)
        case File():
            yield from _check_file(block, place)
        case Event():
            yield from _check_event(block, place, issue)
        case Contact():
            yield from _check_contact(block, place)
        case Gallery():
            yield from _check_gallery(block, place)
        case Columns():
            yield from _check_columns(block, place)
        case Contents():
            yield from _check_contents(place, issue, contents)
        case Table():
            yield from _check_table(block, place)
        case Snippet(name=name):
            yield _finding(
                "snippet-unknown",
                place,
                _fence(Fence.SNIPPET) + f" {name}".rstrip(),
                msg("The newsletter has no snippet “{name}”.", name=name),
                msg("Choose an existing one, or create it in the newsletter's settings."),
            )
        case (
            Paragraph()
            | ListBlock()
            | Quotation()
            | Picture()
            | Verbatim()
            | Heading()
            | ThematicBreak()
            | Comment()
            | Conditional()
        ):
            pass
        case _:
            assert_never(block)


def _check_numbers(blocks: tuple[Block, ...], place: IssuePlace) -> Iterator[Finding]:
    """Yield findings about numbered lists that do not continue the numbers of the previous one."""
    for before, block in pairwise(blocks):
        match before, block:
            case ListBlock(ordered=True), ListBlock(ordered=True) if before.start + block.start > 2:  # noqa: PLR2004 - two lists that start at 1
                yield _finding(
                    "list-numbers",
                    place,
                    first_words(block, most=40).lstrip(_TASKS),
                    msg(
                        "The numbers of a list are out of order: {first}, then {second}.",
                        first=before.start + len(before.items) - 1,
                        second=block.start,
                    ),
                    msg("Readers see them as typed; renumber the items if that is a slip."),
                    Severity.HINT,
                )
            case _:
                pass
    for block in blocks:
        for inner in content_of(block).within:
            yield from _check_numbers(inner, place)


def _fence(kind: Fence) -> str:
    """Return the opening fence of a block in Markdown, which is used to find its line."""
    return f":::{kind.value}"


def _finding(
    code: str,
    place: IssuePlace,
    about: str,
    message: Message,
    remedy: Message,
    severity: Severity = Severity.ERROR,
) -> Finding:
    first = about.partition("\n")[0]
    return Finding(
        code=code,
        severity=severity,
        place=place,
        about=first,
        within=(first,),
        message=message,
        remedy=remedy,
    )


def _named(name: str) -> str | Message:
    """Return the name of a block for messages, or a phrase for a block without name."""
    return name if name.strip() else msg("(no name)")


def _check_button(button: Button, place: IssuePlace) -> Iterator[Finding]:
    if not button.url:
        yield _finding(
            "button-address",
            place,
            button.label or _fence(Fence.BUTTON),
            msg("The button “{label}” has no address.", label=_named(button.label)),
            msg("Enter the destination, or remove the button."),
        )
    if not button.label.strip():
        yield _finding(
            "button-label",
            place,
            button.url or _fence(Fence.BUTTON),
            msg("A button has no label."),
            msg("Write what the reader is asked to do, such as “Register”."),
        )


def _check_file(file: File, place: IssuePlace) -> Iterator[Finding]:
    about = file.name or file.url or _fence(Fence.FILE)
    if not file.url:
        yield _finding(
            "file-address",
            place,
            about,
            msg("The file “{name}” has no address.", name=_named(file.name)),
            msg("Upload it, or write where it is."),
        )
    if not (file.size and file.media_type):
        yield _finding(
            "file-size",
            place,
            about,
            msg(
                "Readers do not see the kind or the size of the file “{name}”.",
                name=_named(file.name),
            ),
            msg("Enter both; readers on phones want to know before opening it."),
            Severity.WARNING,
        )
    if not file.name.strip():
        yield _finding(
            "file-name",
            place,
            about,
            msg("A file has no name."),
            msg("Describe what it is, such as “Application form”."),
            Severity.WARNING,
        )


def _check_event(event: Event, place: IssuePlace, issue: Issue) -> Iterator[Finding]:
    named = event.name or _fence(Fence.EVENT)
    if not event.name.strip():
        yield _finding(
            "event-name",
            place,
            named,
            msg("An event has no name."),
            msg("Write what takes place."),
            Severity.WARNING,
        )
    if fault := _fault_of_date(event):
        about, message, remedy = fault
        yield _finding("event-date", place, about or named, message, remedy)
        return
    span = read_span(event)
    if span and last_moment(span) <= datetime.combine(issue.issue_date, time()):
        yield _finding(
            "event-past",
            place,
            named,
            msg("The event “{name}” is over when the issue appears.", name=_named(event.name)),
            msg("Check the date, or remove the event."),
            Severity.WARNING,
        )


def _fault_of_date(event: Event) -> tuple[str, Message, Message] | None:
    """Return the fault in the date of an event: the wrong text, the message, the remedy."""
    written = msg("Write it as 2026-12-03 10:00, or as 2026-12-03 for the whole day.")
    if not event.starts:
        message = msg("The event “{name}” has no date.", name=_named(event.name))
        return "", message, written
    if has_hour_alone(event.starts):
        message = msg("The event “{name}” has an hour and no date.", name=_named(event.name))
        return event.starts, message, written
    for text in filter(None, (event.starts, event.ends)):
        if read_moment(text) is None:
            # An impossible day was parsed and is perhaps written in another format in the text.
            about = "" if is_day_or_minute(text) else text
            return about, msg("This is not a date: {text}", text=text), written
    if read_span(event) is not None:
        return None
    ends = event.ends or ""
    if len(ends) != len(event.starts):
        return (
            "",
            msg("The event “{name}” has an hour at one end alone.", name=_named(event.name)),
            msg("Write both hours, or neither."),
        )
    return (
        "",
        msg("The event “{name}” ends before it starts.", name=_named(event.name)),
        msg("Check which of the two dates is wrong."),
    )


def _check_contact(contact: Contact, place: IssuePlace) -> Iterator[Finding]:
    if not (any(contact.words) or contact.url):
        yield _finding(
            "contact-empty",
            place,
            _fence(Fence.CONTACT),
            msg("A contact box is empty."),
            msg("Fill it in, or remove it."),
            Severity.WARNING,
        )
    if contact.phone and not dialled(contact.phone):
        yield _finding(
            "contact-phone",
            place,
            contact.phone,
            msg("This is not a telephone number: {phone}", phone=contact.phone),
            msg("Write it as 03-1234-5678."),
        )
    elif _WIDE_DIGIT.search(contact.phone):
        wide = _finding(
            "contact-phone-wide",
            place,
            contact.phone,
            msg("The telephone number is in full-width digits: {phone}", phone=contact.phone),
            msg("In half-width digits it is easier to read, and to copy."),
            Severity.HINT,
        )
        yield _with_contact(wide, contact, replace(contact, phone=half_width(contact.phone)))
    if contact.email and not is_email(contact.email):
        faulty = _finding(
            "contact-email",
            place,
            contact.email,
            msg("This is not an email address: {email}", email=contact.email),
            msg("Write it as office@example.jp, in ASCII letters."),
        )
        meant = half_width(contact.email)
        mended = replace(contact, email=meant)
        yield _with_contact(faulty, contact, mended) if is_email(meant) else faulty


def _with_contact(finding: Finding, contact: Contact, mended: Contact) -> Finding:
    """Return a finding with a fix that replaces a contact block by a corrected one."""
    return replace(
        finding,
        fix=partial(with_blocks, change=lambda block: mended if block == contact else block),
        act=msg("Change to half-width"),
    )


def _check_gallery(gallery: Gallery, place: IssuePlace) -> Iterator[Finding]:
    count = len(gallery.pictures)
    if _FEWEST <= count <= _MOST:
        return
    about = gallery.pictures[0].source if count else _fence(Fence.GALLERY)
    if count == 0:
        message = msg("A gallery has no pictures.")
        remedy = msg("Add two to four pictures, or remove the gallery.")
    elif count < _FEWEST:
        message = msg("A gallery has a single picture.")
        remedy = msg("Add another, or let the picture stand by itself.")
    else:
        message = msg("A gallery has {count} pictures, which makes them too small.", count=count)
        remedy = msg("Make rows of two to four.")
    severity = Severity.WARNING if count else Severity.ERROR
    yield _finding("gallery-count", place, about, message, remedy, severity)


def _check_table(table: Table, place: IssuePlace) -> Iterator[Finding]:
    yield from _check_head(table, place)
    empty = sum(not any(row) for row in table.rows)
    cells = map(inline_words, (*table.head, *chain(*table.rows)))
    first = next((words for words in cells if words.strip()), "")
    mended = _without_empty_rows(table)
    if mended == table:
        return
    # The line of a table without text is found by the bar at its beginning.
    about = first or "|"
    message = nmsg(
        "The table “{first}” has {count} empty row.",
        "The table “{first}” has {count} empty rows.",
        empty,
        first=first,
    )
    yield Finding(
        code="table-row-empty",
        severity=Severity.WARNING,
        place=place,
        about=about,
        within=(about,),
        message=message if first else msg("There is nothing in a table."),
        remedy=msg("Fill it in, or delete it."),
        fix=partial(with_blocks, change=lambda block: mended if block == table else block),
        act=msg("Delete empty rows") if mended else msg("Delete the table"),
    )


def _check_head(table: Table, place: IssuePlace) -> Iterator[Finding]:
    """Yield findings about cells without column heading, for example from a bar in the text."""
    heads = list(map(inline_words, table.head))
    width = max((at for at, words in enumerate(heads, 1) if words.strip()), default=len(heads))
    cells = (inline_words(cell) for row in table.rows for cell in row[width:])
    if beyond := next((words for words in cells if words.strip()), ""):
        yield Finding(
            code="table-head-short",
            severity=Severity.WARNING,
            place=place,
            about=beyond,
            within=(beyond,),
            message=msg("A row of a table goes beyond its head: “{words}”", words=beyond),
            remedy=msg("Give this column a heading; write \\| for a bar that is text."),
        )


def _without_empty_rows(table: Table) -> Table | None:
    """Return the table without its empty rows; None if nothing is left."""
    rows = tuple(filter(any, table.rows))
    return replace(table, rows=rows) if rows or any(table.head) else None


def _check_columns(columns: Columns, place: IssuePlace) -> Iterator[Finding]:
    if columns.left and columns.right:
        return
    yield _finding(
        "columns-empty",
        place,
        _fence(Fence.COLUMNS),
        msg("One of two columns is empty.")
        if columns.left or columns.right
        else msg("Both columns are empty."),
        msg("Fill it, or use the full width for the text."),
        Severity.WARNING,
    )


def _check_contents(place: IssuePlace, issue: Issue, number: int) -> Iterator[Finding]:
    about = _fence(Fence.CONTENTS)
    if number > 1 or place.field is not IssueField.LEAD:
        yield _finding(
            "contents-place",
            place,
            about,
            msg("The contents appear twice, or below the first heading."),
            msg("Keep them once, before the first heading."),
            Severity.WARNING,
        )
    elif not table_of_contents(issue):
        yield _finding(
            "contents-empty",
            place,
            about,
            msg("The contents are empty: they take two headings or more."),
            msg("Remove them, or give more parts headings."),
            Severity.WARNING,
        )


def _field_name(field: MergeField) -> Message | str:
    kind = MERGE_FIELDS.get(field.field)
    return kind.label if kind else field.field


#: Honorifics after Japanese names; a name has only one.
_HONORIFIC = "様|さま|さん|殿|御中|各位"
_WITH_HONORIFIC = re.compile(rf"(?:皆|みな|{_HONORIFIC})\s*\Z")
_HONORIFIC_AFTER = re.compile(rf"\s*(?:{_HONORIFIC})(?!子|式|々)")


def _check_honorific(
    field: MergeField, place: IssuePlace, after: Inline | None
) -> Iterator[Finding]:
    """Yield a finding if a merge field's fallback and the text after it both have honorifics."""
    honorific = _HONORIFIC_AFTER.match(after.text) if isinstance(after, Text) else None
    if honorific and _WITH_HONORIFIC.search(field.fallback):
        said = field.fallback + honorific[0]
        yield _finding(
            "field-title",
            place,
            f":field[{field.field}",
            msg(
                "Readers without a value for “{name}” read “{words}”.",
                name=_field_name(field),
                words=said,
            ),
            msg("Write a fallback that the words behind it suit, such as “読者”."),
            Severity.WARNING,
        )


def _check_field(
    field: MergeField, place: IssuePlace, fields: Collection[str]
) -> Iterator[Finding]:
    about = f":field[{field.field}"
    if field.field not in MERGE_FIELDS and field.field not in fields:
        yield _finding(
            "field-unknown",
            place,
            about,
            msg("There is no reader field “{name}”.", name=field.field),
            msg("The choices are: {names}.", names=", ".join((*MERGE_FIELDS, *fields))),
        )
    if not field.fallback.strip():
        yield _finding(
            "field-fallback",
            place,
            about,
            msg("Readers without a value for “{name}” see nothing there.", name=_field_name(field)),
            msg("Write what they are to read instead, such as “reader”."),
            Severity.WARNING,
        )
