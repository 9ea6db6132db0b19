"""The front matter of an issue's Markdown: YAML's fields, with words taken as they are typed.

A title such as ``虫の便り #12`` or ``[速報] 開催: 5日`` is no valid YAML, or worse, is cut; so the
rest of a line is the value of a field of words, unless it is a whole quoted string, a list or a
block of YAML. Aliases, anchors and merge keys are refused: they let a few lines grow without end.
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

#: Octets of front matter; a table of contents of a thousand lines has less.
_LIMIT = 64_000
#: Fields whose values are words.
_WORDS = r"title|number|masthead|preheader|credits|text|label"
_FIELD = re.compile(
    rf"(?P<head>[ ]*(?:-[ ]+)?(?P<quote>[\"']?)(?:{_WORDS})(?P=quote)[ \t]*:[ \t]+)(?P<value>\S.*)",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"(?P<head>[ ]*-[ ]+)(?P<value>(?!([\"']?)(?:text|label|anchor|level)\3[ \t]*:)\S.*)",
    re.IGNORECASE,
)
#: A tab behind a key, which YAML allows and PyYAML does not.
_TAB = re.compile(r"^([^\s:]+[ \t]*:)[ \t]*\t[ \t]*")
#: A colon of Japanese, behind the name of a field.
_WIDE_COLON = re.compile(r"^([A-Za-z]+)[ \t]*\uff1a[ \t\u3000]*")
#: Values that YAML reads as an editor means them: quoted strings, lists, heads of blocks.
_QUOTED = re.compile(
    r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(?:\s#.*)?|\[.*\]|\{.*:.*\}|[|>][+-]?\d?[+-]?"""
)


_ERA = re.compile(r"(?:令和|[RＲ])\s*")
#: A day as people and other systems write it; a time behind it is not the edition's.
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
    """Return a year of our calendar, also where it is one of Reiwa, which began in 2019."""
    of_era = _ERA.sub("", written)
    if of_era == written:
        return int(written)
    return 2018 + (1 if of_era == "元" else int(of_era))


def _read_language(value: object) -> Language | None:
    """Return the nearest language that mails speak: English for those besides Japanese."""
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
    """What the front matter says; ``language`` is None where it names none."""

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
    """YAML that is not read here."""

    def __init__(self, message: Message, remedy: Message, mark: yaml.Mark) -> None:
        super().__init__(problem_mark=mark)
        self.message, self.remedy = message, remedy


class _Loader(yaml.BaseLoader):
    """Reads mappings, lists and strings alone, so that ``number: 007`` stays what it is.

    Keys are read in lower case: other systems write ``Title``.
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
    """Read what stands between the two lines of hyphens.

    Raises:
        ContentError: It is no YAML, or a field is unknown, missing or wrong.
    """
    if len(text.encode("utf-8", "surrogatepass")) > _LIMIT:
        raise ContentError(
            msg("The front matter is larger than {limit}.", limit=Size(_LIMIT)),
            place=Place(source=source, line=1),
            remedy=msg("Put the text of the issue below it."),
        )
    try:
        values = yaml.load("\n".join(_verbatim(text.split("\n"))), Loader=_Loader)  # noqa: S506 - strings alone
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        refused = error if isinstance(error, _RefusedError) else None
        raise ContentError(
            # What PyYAML says is English, and speaks of tokens.
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
    """Return the error that says all that is to be mended, with the line of the first fault.

    One fault of each field is enough; unknown fields are one fault together.
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
    # In the order in which they stand in the file; what is missing stands nowhere.
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
    """Put a fault's line before it; what is missing has none."""
    return msg("Line {line}: {fault}", line=line, fault=message) if line > 1 else message


def _of_field(name: str, error: ErrorDetails) -> tuple[Message, Message]:
    """Return what is wrong with a field, and what to do."""
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
    """Put words that are not YAML into quotes; blocks of YAML and lines that go on stay."""
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
    """Whether an indented line goes on with the value above: it is neither field nor entry."""
    return bool(line.strip()) and not re.match(r"\s*(?:-\s|[A-Za-z_]+:(?:\s|$)|#)", line)


def _closes_later(quote: str, lines: list[str]) -> bool:
    """Whether a string that does not end on its line ends before the next field."""
    for line in lines:
        if re.match(r"[A-Za-z_]+:(?:\s|$)", line):
            return False
        if line.rstrip().endswith(quote):
            return True
    return False
