"""The front matter of an issue's Markdown: YAML fields, with text values taken literally.

Titles such as ``虫の便り #12`` or ``[速報] 開催: 5日`` are invalid YAML, or would be truncated.
Therefore the rest of the line is the value of a text field, unless it is a complete quoted string,
a list or a YAML block. Aliases, anchors and merge keys are refused, since a few lines with them can
expand exponentially.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from newsletter.errors import ContentError, Place
from newsletter.i18n.language import Language, language_of_words, read_language
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Sentences, Size
from newsletter.issues.drafts.editions import YEARS
from newsletter.issues.sources.normalise import find_controls
from newsletter.validation import message_of

#: Octets of the longest front matter; a table of contents of a thousand lines is shorter.
_LIMIT = 64_000
#: Fields with text values.
_WORDS = r"title|number|masthead|preheader|credits|text|label"
_FIELD = re.compile(
    rf"(?P<head>[ ]*(?:-[ ]+)?(?P<quote>[\"']?)(?:{_WORDS})(?P=quote)[ \t]*:[ \t]+)(?P<value>\S.*)",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"(?P<head>[ ]*-[ ]+)(?P<value>(?!([\"']?)(?:text|label|anchor|level)\3[ \t]*:)\S.*)",
    re.IGNORECASE,
)
#: A tab after a key, which YAML allows and PyYAML does not.
_TAB = re.compile(r"^([^\s:]+[ \t]*:)[ \t]*\t[ \t]*")
#: A full-width colon after the name of a field.
_WIDE_COLON = re.compile(r"^([A-Za-z]+)[ \t]*\uff1a[ \t\u3000]*")
#: Values that are parsed as YAML: quoted strings, lists, indicators of blocks.
_QUOTED = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(?:\s#.*)?|\[.*\]|\{.*:.*\}|[|>][+-]?\d?[+-]?"""
)


_ERA = re.compile(r"(?:令和|[RＲ])\s*")
#: A day in the notations of people and other systems; a time after it is ignored.
_DAY = re.compile(
    r"(\d{4}|(?:令和|[RＲ])\s*(?:\d{1,2}|元))\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[Tt\s]\s*\d{1,2}:\d{2}.*)?"
)


def _read_day(value: object) -> date:
    match = _DAY.fullmatch(str(value).strip())
    try:
        year, month, day = match.groups() if match else ("0", "0", "0")
        read = date(_year(year), int(month), int(day))
    except ValueError:
        raise PydanticCustomError("day", "not a date") from None
    if read.year not in YEARS:
        raise PydanticCustomError("far_day", "out of range")
    return read


def _year(written: str) -> int:
    """Return a Gregorian year, also for a year of the era Reiwa, which began in 2019."""
    of_era = _ERA.sub("", written)
    if of_era == written:
        return int(written)
    return 2018 + (1 if of_era == "元" else int(of_era))


def _read_language(value: object) -> Language | None:
    """Return the nearest language of mails: English for all except Japanese."""
    words = str(value).strip()
    if not words:
        return None
    if tag := read_language(words):
        return language_of_words(tag)
    raise PydanticCustomError("language", "not a language")


class ContentsLineFields(BaseModel):
    """A line of the table of contents."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    label: str = ""
    anchor: str = ""
    level: Annotated[int, Field(ge=1, le=3)] = 1


class FrontMatter(BaseModel):
    """The fields of the front matter; ``language`` is None if it is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Annotated[str, Field(min_length=1, max_length=300)]
    date: Annotated[date, BeforeValidator(_read_day)]
    number: Annotated[str, Field(max_length=100)] = ""
    language: Annotated[Language | None, BeforeValidator(_read_language)] = None
    masthead: str = ""
    preheader: Annotated[str, Field(max_length=300)] = ""
    template: str = ""
    contents: list[ContentsLineFields] = []
    credits: str | list[str] = []


_QUOTE = msg("Put values that contain a colon or begin with a symbol in quotation marks.")


class _RefusedError(yaml.MarkedYAMLError):
    """A feature of YAML that is refused."""

    def __init__(self, message: Message, remedy: Message, mark: yaml.Mark) -> None:
        super().__init__(problem_mark=mark)
        self.message, self.remedy = message, remedy


class _Loader(yaml.BaseLoader):
    """Loads only mappings, lists and strings, so that ``number: 007`` is kept.

    Keys are converted to lower case, since other systems write ``Title``.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call] # PyYAML has no types
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _RefusedError(
                msg("In the front matter, & and * before a word are not read."),
                _QUOTE,
                event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:  # noqa: FBT001, FBT002 - PyYAML's signature
        names: set[str] = set()
        for key, _value in node.value:
            name = str(key.value).lower()
            if name in names:
                raise _RefusedError(
                    msg("The front matter has “{name}” twice.", name=key.value),
                    msg("Remove one of them."),
                    key.start_mark,
                )
            names.add(name)
        found: dict[object, object] = super().construct_mapping(node, deep=deep)
        return {key.lower() if isinstance(key, str) else key: found[key] for key in found}


def read_front_matter(text: str, *, source: str) -> FrontMatter:
    """Return the fields between the two lines of hyphens.

    Raises:
        ContentError: The text is not valid YAML, or a field is unknown, missing or invalid.
    """
    if len(text.encode("utf-8", "surrogatepass")) > _LIMIT:
        raise ContentError(
            msg("The front matter is larger than {limit}.", limit=Size(_LIMIT)),
            place=Place(source=source, line=1),
            remedy=msg("Put the text of the issue below it."),
        )
    try:
        values = yaml.load("\n".join(_verbatim(text.split("\n"))), Loader=_Loader)  # noqa: S506 - loads only strings
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        refused = error if isinstance(error, _RefusedError) else None
        raise ContentError(
            # PyYAML's messages are in English and about tokens, so they are not shown.
            refused.message if refused else msg("The front matter is not valid YAML."),
            place=Place(source=source, line=line),
            remedy=refused.remedy if refused else _QUOTE,
        ) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        raise ContentError(
            msg("The front matter is nested too deeply.")
            if deep
            else msg("The front matter is not valid YAML."),
            place=Place(source=source, line=1),
            remedy=msg("Reduce the nesting.") if deep else _QUOTE,
        ) from None
    if not isinstance(values, dict):
        first = next(filter(str.strip, text.split("\n")), "")
        raise ContentError(
            msg(
                "The front matter has no field with a value here: “{line}”.",
                line=first.strip()[:60],
            )
            if first
            else msg("The front matter is empty."),
            place=Place(source=source, line=text[: text.index(first)].count("\n") + 2),
            remedy=msg("Write each field as title: …, with an ASCII colon and a space behind it."),
        )
    try:
        matter = TypeAdapter(FrontMatter).validate_python(values)
    except ValidationError as error:
        raise _fault(error.errors(), text, source) from None
    for name, value in _strings(matter):
        if controls := find_controls(value):
            raise ContentError(
                msg(
                    "The field “{name}” contains a control character: {controls}.",
                    name=name,
                    controls=controls,
                ),
                place=Place(source=source, line=_line_of(name, text), field=name),
                remedy=msg("Remove it."),
            )
    return matter


def _fault(errors: list[ErrorDetails], text: str, source: str) -> ContentError:
    """Return one error about all faults, with the line of the first one.

    Only one fault per field is reported, and all unknown fields together.
    """
    unknown = [str(one["loc"][0]) for one in errors if one["type"] == "extra_forbidden"]
    of_fields = {
        str(one["loc"][0]) if one["loc"] else "front matter": one
        for one in reversed(errors)
        if one["type"] != "extra_forbidden"
    }
    faults = [(name, *_of_field(name, one)) for name, one in reversed(of_fields.items())]
    if unknown:
        faults.insert(
            0,
            (
                unknown[0],
                msg("The front matter has unknown fields: {names}.", names=Listing(tuple(unknown))),
                msg(
                    "Remove them; the fields of an issue are {names}.",
                    names=Listing(tuple(FrontMatter.model_fields)),
                ),
            ),
        )
    # Sorted by their lines in the file; missing fields have no line.
    faults.sort(key=lambda fault: _line_of(fault[0], text))
    name = next((name for name, *_ in faults if _line_of(name, text) > 1), faults[0][0])
    place = Place(source=source, line=_line_of(name, text), field=name)
    if len(faults) == 1:
        ((_, message, remedy),) = faults
        return ContentError(message, place=place, remedy=remedy)
    return ContentError(
        msg(
            "{faults}",
            faults=Sentences(
                tuple(_with_line(message, _line_of(name, text)) for name, message, _ in faults)
            ),
        ),
        place=place,
        remedy=msg(
            "{remedies}",
            remedies=Sentences(tuple(dict.fromkeys(remedy for _, _, remedy in faults))),
        ),
    )


def _with_line(message: Message, line: int) -> Message:
    """Return a message with its line before it; missing fields have no line."""
    return msg("Line {line}: {fault}", line=line, fault=message) if line > 1 else message


def _of_field(name: str, error: ErrorDetails) -> tuple[Message, Message]:
    """Return the message about a field, and the remedy."""
    match error["type"]:
        case "missing":
            return (
                msg("The front matter lacks the field {name}.", name=name),
                msg("Add it to the front matter; title and date are required."),
            )
        case "language":
            return (
                msg("“{text}” is not a language.", text=error["input"]),
                msg("Write ja or en."),
            )
        case "day":
            return (
                msg("“{text}” is not a date.", text=str(error["input"])),
                msg("Write it as 2026-12-01."),
            )
        case "far_day":
            return (
                msg("{day} is out of range.", day=str(error["input"])),
                msg("Use years from 1900 to 2200."),
            )
        case "string_too_long":
            return message_of(error), msg("Shorten it.")
    return message_of(error), msg("See docs/content.md for the fields of the front matter.")


def _line_of(name: str, text: str) -> int:
    match = re.search(
        rf"^\s*[\"']?{re.escape(name)}[\"']?\s*[:\uff1a]", text, re.MULTILINE | re.IGNORECASE
    )
    return text[: match.end()].count("\n") + 2 if match else 1


def _strings(matter: FrontMatter) -> Iterator[tuple[str, str]]:
    for name in ("title", "number", "masthead", "preheader", "template"):
        yield name, getattr(matter, name)
    credit = matter.credits
    yield from (("credits", line) for line in ([credit] if isinstance(credit, str) else credit))
    for line in matter.contents:
        yield "contents", line.text + line.label + line.anchor


def _verbatim(lines: list[str]) -> Iterator[str]:
    """Yield lines with text values quoted; YAML blocks and continued lines are not changed."""
    block = -1
    quoted = ""
    for index, line in enumerate(lines):
        indent = len(line) - len(line.lstrip(" "))
        if quoted:
            quoted = "" if quoted in line.replace("''", "") else quoted
            yield line
            continue
        if block >= 0 and (not line.strip() or indent > block):
            yield line
            continue
        block = -1
        line = _TAB.sub(r"\g<1> ", _WIDE_COLON.sub(r"\1: ", line))  # noqa: PLW2901 - the same line, as PyYAML reads it
        found = _FIELD.fullmatch(line) or _ENTRY.fullmatch(line)
        if found is None:
            yield line
            continue
        value = found["value"].rstrip()
        if value[0] in "|>" and _QUOTED.fullmatch(value):
            block = indent
        following = lines[index + 1] if index + 1 < len(lines) else ""
        goes_on = len(following) - len(following.lstrip(" ")) > indent
        if _QUOTED.fullmatch(value) or (goes_on and _is_continued(following)):
            yield line
        elif value[0] in "\"'" and _closes_later(value[0], lines[index + 1 :]):
            quoted = value[0]
            yield line
        else:
            yield found["head"] + "'" + value.replace("'", "''") + "'"


def _is_continued(line: str) -> bool:
    """Return whether an indented line continues the value above, and is no field or list entry."""
    return bool(line.strip()) and not re.match(r"\s*(?:-\s|[A-Za-z_]+:(?:\s|$)|#)", line)


def _closes_later(quote: str, lines: list[str]) -> bool:
    """Return whether an unclosed string ends before the next field."""
    for line in lines:
        if re.match(r"[A-Za-z_]+:(?:\s|$)", line):
            return False
        if line.rstrip().endswith(quote):
            return True
    return False
