"""The page and the form of a translation: unit by unit, grouped by the issue's parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import Depends, Request

from newsletter.errors import ConflictError, NewsletterError
from newsletter.i18n.messages import Message, msg
from newsletter.issues.checks.findings import IssueField, IssuePlace
from newsletter.issues.difference import Piece, pieces_of_change
from newsletter.issues.drafts.translating import UnitFields, fields_of
from newsletter.issues.markdown.writer import blocks_to_markdown
from newsletter.issues.model import Issue, Picture, blocks_to_json
from newsletter.issues.sources.form import LinkFields
from newsletter.issues.translation_units import (
    BlockField,
    TranslationUnit,
    fields_of_block,
    units_in,
)
from newsletter.issues.translations import UnitState, UnitStatus
from newsletter.issues.wording import FIELD_NAMES, KIND_NAMES
from newsletter.web.issues.submission import WRITTEN_OCTETS, read_fields
from newsletter.web.routing import BodyLimit

#: Prefix of the names of form fields for the fields of a block.
_VALUE = "of-"
#: Form fields that each unit has once: texts and check boxes.
_TEXTS = frozenset({"seen", "text", "body", "blocks"})
_BOXES = frozenset({"confirmed", "joined"})
#: Kinds of blocks with their labels.
#: Kinds whose translation starts as a copy of the original, in which the words are replaced.
_FORMED = frozenset({"table", "columns", "conditional", "verbatim", "snippet"})


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitView:
    """A unit in its row of the page.

    Attributes:
        label: The label within the part, such as Paragraph 3.
        fault: The error of the input.
        change: The differences between the translated and the present original, as one text.
    """

    status: UnitStatus
    fields: UnitFields
    label: Message
    fault: NewsletterError | None = None
    change: tuple[Piece, ...] = ()

    @property
    def key(self) -> str:
        """The key of the unit, which is unique on the page."""
        return self.status.unit.source[:12]

    @property
    def original_body(self) -> str:
        """The block of the original as Markdown."""
        return blocks_to_markdown(self.status.unit.body)

    @property
    def original_json(self) -> list[dict[str, Any]]:
        """The block of the original as JSON for the script of the page."""
        return blocks_to_json(self.status.unit.body)

    @property
    def translated_json(self) -> list[dict[str, Any]] | None:
        """The translation as JSON for the script of the page; None if it cannot be parsed."""
        said = self.status.translated
        if self.fault is not None:
            return None
        return blocks_to_json(said.body) if said else []

    @property
    def own_fields(self) -> tuple[tuple[BlockField, str], ...]:
        """The text fields of a block, each with its translation."""
        typed = dict(self.fields.values)
        own = fields_of_block(self.status.unit.block)
        return tuple((each, typed.get(each.name, "")) for each in own)

    @property
    def has_text(self) -> bool:
        """Whether it is a block of running text, for which the editor is used."""
        return bool(self.status.unit.body) and not self.own_fields

    @property
    def begins_with_form(self) -> bool:
        """Whether the translation starts as a copy of the original, whose structure must stay."""
        block = self.status.unit.block
        return block is not None and block.kind in _FORMED

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures in the unit, so that a translator sees what the texts describe."""
        block = self.status.unit.block
        if isinstance(block, Picture):
            return (block,)
        return block.pictures if block is not None and block.kind == "gallery" else ()

    @property
    def is_same(self) -> bool:
        """Whether the translation equals the original."""
        unit, said = self.status.unit, self.status.translated
        if said is None or not unit.has_words:
            return False
        return (said.text, said.body, said.links) == (unit.text, unit.body, unit.links)

    @property
    def theirs(self) -> UnitFields | None:
        """The translation that somebody else saved meanwhile, if saving was refused for this."""
        return fields_of(self.status) if isinstance(self.fault, ConflictError) else None


@dataclass(kw_only=True, slots=True)
class PartView:
    """The units of a part of an issue under its heading."""

    key: str
    heading: str
    units: list[UnitView] = field(default_factory=list)


def view_parts(
    issue: Issue,
    statuses: Iterable[UnitStatus],
    typed: Mapping[str, UnitFields],
    faults: Mapping[str, NewsletterError],
) -> list[PartView]:
    """Return a translation's units in the parts of their issue."""
    labels: dict[str, Message] = {}
    for source, label in _labels(issue):
        labels.setdefault(source, label)
    parts: dict[str, PartView] = {}
    for status in statuses:
        place, source = status.unit.place, status.unit.source
        key = place.anchor or ("lead" if place.field is IssueField.LEAD else "issue")
        if place.field is IssueField.CREDITS:
            key = "end"
        fields = fields_of(status)
        if (kept := typed.get(source)) is not None:
            # If it is saved again, it replaces the translation that was shown with the error.
            fields = replace(kept, seen=fields.seen)
        before = status.translated if status.state is UnitState.CHANGED else None
        unit = UnitView(
            status=status,
            fields=fields,
            label=labels[source],
            fault=faults.get(source),
            change=pieces_of_change(before.original, status.unit.markdown) if before else (),
        )
        parts.setdefault(key, PartView(key=key, heading=place.heading)).units.append(unit)
    return list(parts.values())


def _labels(issue: Issue) -> Iterator[tuple[str, Message]]:
    """Yield the key and label of each unit; equal labels within a part are numbered."""
    units = list(units_in(issue))
    kinds = Counter((_part_of(unit.place), _name(unit).text) for unit in units)
    seen: Counter[tuple[IssuePlace, str]] = Counter()
    for unit in units:
        name = _name(unit)
        kind = _part_of(unit.place), name.text
        seen[kind] += 1
        if kinds[kind] > 1:
            name = msg("{part} {number}", part=name, number=seen[kind])
        yield unit.source, name


def _part_of(place: IssuePlace) -> IssuePlace:
    return replace(place, field=IssueField.BODY) if place.chapter else place


def _name(unit: TranslationUnit) -> Message:
    if unit.block is not None:
        return KIND_NAMES[unit.block.kind]
    if unit.links:
        return msg("Link")
    return FIELD_NAMES[unit.place.field.value]


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedUnits:
    """A submitted form of units; ``alone`` is set if a script saves a single unit."""

    units: tuple[UnitFields, ...]
    alone: bool = False


async def read_units(
    request: Request, _bound: Annotated[None, Depends(BodyLimit(WRITTEN_OCTETS))]
) -> TypedUnits:
    """Return the units of a submitted form; each field ``unit`` starts a new unit."""
    fields = await read_fields(request)
    return TypedUnits(units=tuple(_units_of_fields(fields)), alone="alone" in dict(fields))


UnitsForm = Annotated[TypedUnits, Depends(read_units)]


def _units_of_fields(fields: Iterable[tuple[str, str]]) -> list[UnitFields]:
    units: list[UnitFields] = []
    for name, value in fields:
        text = value.replace("\r\n", "\n").replace("\r", "\n")
        if name == "unit":
            units.append(UnitFields(source=text))
        elif units:
            units[-1] = _with_field(units[-1], name, text)
    return units


def _with_field(unit: UnitFields, name: str, text: str) -> UnitFields:
    if name.startswith(_VALUE):
        return replace(unit, values=(*unit.values, (name.removeprefix(_VALUE), text)))
    if name == "link":
        return replace(unit, links=(*unit.links, LinkFields(url=text)))
    if name == "label" and unit.links:
        last = LinkFields(url=unit.links[-1].url, label=text)
        return replace(unit, links=(*unit.links[:-1], last))
    typed: dict[str, Any] = {name: text} if name in _TEXTS else {}
    chosen: dict[str, Any] = {name: bool(text)} if name in _BOXES else {}
    return replace(unit, **typed, **chosen)
