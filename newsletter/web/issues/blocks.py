"""Actions of the buttons in the block view, with their messages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from newsletter.errors import ContentError
from newsletter.i18n.messages import Message, msg
from newsletter.issues.model import Block, Issue, Picture
from newsletter.issues.outline import (
    Level,
    Outline,
    add_part,
    move_down,
    move_up,
    outline_anchors,
    place_after,
    remove_part,
    to_outline,
    with_outline,
)
from newsletter.issues.sources.form import LEAD, Card, Sheet, bare_outline
from newsletter.web.routing import read_number

_KINDS = {
    Level.CHAPTER: msg("chapter"),
    Level.SECTION: msg("section"),
    Level.ITEM: msg("item"),
}
_Move = Callable[[Outline, int], tuple[Outline, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressed:
    """The value of a button, such as ``up:3``: a verb and the numbers of its parts."""

    verb: str
    numbers: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> Pressed:
        """Parse the value of a button.

        Raises:
            ContentError: The value is invalid.
        """
        verb, *rest = text.split(":")
        numbers = tuple(
            int(word) for word in rest if read_number(word.removeprefix("-")) is not None
        )
        if len(numbers) != len(rest) or len(numbers) not in _ARGUMENTS.get(verb, ()):
            raise ContentError(msg("This page is out of date."), remedy=msg("Reload it."))
        return cls(verb=verb, numbers=numbers)


#: The number of arguments of each verb.
_ARGUMENTS = {
    "up": (1,),
    "down": (1,),
    "place": (2,),
    "item": (0, 1),
    "section": (0, 1),
    "chapter": (0, 1),
    "delete": (1,),
    "unpicture": (2,),
    "derive": (0,),
    "undo": (1,),
    "redraw": (0,),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EditedIssue:
    """An issue after an action.

    Attributes:
        focus: The anchor of the part that gets the focus; empty for none.
        takes_away: Whether the action removed something, so that undoing is offered.
    """

    issue: Issue
    message: Message
    focus: str = ""
    takes_away: bool = False


def press(issue: Issue, pressed: Pressed) -> EditedIssue:
    """Apply the action of a button; ``undo`` is implemented by the history instead.

    Raises:
        ContentError: The part does not exist any more.
    """
    outline = to_outline(issue)
    if any(number >= len(outline) for number in pressed.numbers[:1]):
        raise _gone()
    match pressed.verb, pressed.numbers:
        case ("up" | "down" | "place" | "delete") as verb, (index, *after) if index >= 0:
            return _rearranged(issue, outline, verb, index, after)
        case ("item" | "section" | "chapter") as verb, numbers:
            return _added(issue, outline, Level[verb.upper()], *numbers)
        case "unpicture", (index, number):
            return _without_picture(issue, outline, index, number)
        case "derive", ():
            message = msg("The contents were created from the headings.")
            return EditedIssue(issue=replace(issue, contents=()), message=message, takes_away=True)
        case _:
            return EditedIssue(issue=issue, message=Message(""))


def _gone() -> ContentError:
    return ContentError(msg("This block no longer exists."), remedy=msg("Reload the page."))


def _rearranged(
    issue: Issue, outline: Outline, verb: str, index: int, after: list[int]
) -> EditedIssue:
    match verb:
        case "up":
            return _moved(issue, outline, index, move_up)
        case "down":
            return _moved(issue, outline, index, move_down)
        case "place":
            return _placed(issue, outline, index, after[0])
        case _:
            return _removed(issue, outline, index)


def _moved(issue: Issue, outline: Outline, index: int, move: _Move) -> EditedIssue:
    moved, at = move(outline, index)
    return EditedIssue(
        issue=with_outline(issue, moved),
        message=_standing(moved, at, still=at == index),
        focus=outline_anchors(moved)[at],
    )


def _placed(issue: Issue, outline: Outline, index: int, after: int) -> EditedIssue:
    if after >= len(outline):
        raise _gone()
    target = after if after >= 0 else None
    return _moved(issue, outline, index, lambda parts, at: place_after(parts, at, target))


def _standing(outline: Outline, index: int, *, still: bool) -> Message:
    """Return a message about the position of a part."""
    part = outline[index]
    name = part.heading[:40]
    if still:
        return msg("“{name}” cannot be moved any further.", name=name)
    owner = next((at for at in range(index - 1, -1, -1) if outline[at].level < part.level), None)
    first = 0 if owner is None else owner + 1
    ends = (at for at in range(index, len(outline)) if outline[at].level < part.level)
    within = range(first, next(ends, len(outline)))
    siblings = [at for at in within if outline[at].level is part.level]
    place, count = siblings.index(index) + 1, len(siblings)
    above = outline[owner].heading[:30] if owner is not None else ""
    if not above:
        return msg(
            "“{name}” is now number {place} of {count}.", name=name, place=place, count=count
        )
    return msg(
        "“{name}” is now number {place} of {count} in “{above}”.",
        name=name,
        place=place,
        count=count,
        above=above,
    )


def _added(issue: Issue, outline: Outline, level: Level, after: int | None = None) -> EditedIssue:
    if after is not None and after < 0:
        raise _gone()
    added, at = add_part(outline, level, after)
    kind = _KINDS[level]
    whole = with_outline(issue, added)
    return EditedIssue(
        issue=whole,
        message=msg("A new {kind} was added.", kind=kind),
        focus=outline_anchors(added)[at],
    )


def _removed(issue: Issue, outline: Outline, index: int) -> EditedIssue:
    left = remove_part(outline, index)
    name = outline[index].heading[:40] or _KINDS[outline[index].level]
    return EditedIssue(
        issue=with_outline(issue, left),
        message=msg("“{name}” was removed.", name=name),
        takes_away=True,
    )


def _without_picture(issue: Issue, outline: Outline, index: int, number: int) -> EditedIssue:
    """Remove the picture that is the nth block of a part; part -1 is the lead."""
    body = issue.lead if index < 0 else outline[index].body if index < len(outline) else ()
    pictures = [at for at, block in enumerate(body) if isinstance(block, Picture)]
    if not 0 <= number < len(pictures):
        raise _gone()
    left = body[: pictures[number]] + body[pictures[number] + 1 :]
    message = msg("The picture is taken out.")
    if index < 0:
        whole = replace(issue, lead=left)
        return EditedIssue(issue=whole, message=message, focus="lead", takes_away=True)
    changed = (*outline[:index], replace(outline[index], body=left), *outline[index + 1 :])
    return EditedIssue(
        issue=with_outline(issue, changed),
        message=message,
        focus=outline_anchors(outline)[index],
        takes_away=True,
    )


def place_block(issue: Issue, anchor: str, block: Block) -> Issue:
    """Return the issue with a block appended to a part, or to the lead for unknown anchors."""
    outline = to_outline(issue)
    for index, known in enumerate(outline_anchors(outline)):
        if known == anchor:
            part = replace(outline[index], body=(*outline[index].body, block))
            return with_outline(issue, (*outline[:index], part, *outline[index + 1 :]))
    return replace(issue, lead=(*issue.lead, block))


@dataclass(frozen=True, kw_only=True, slots=True)
class CardView:
    """A card of the page.

    Attributes:
        index: The position in the outline, which buttons refer to; -1 for the lead.
        ends_items: Whether an item can be added after the card.
        ends_chapter: Whether a section can be added after the card.
    """

    card: Card
    anchor: str
    index: int
    level: int
    ends_items: bool
    ends_chapter: bool


def cards_of(sheet: Sheet) -> tuple[CardView, ...]:
    """Return the cards of a sheet for the page."""
    outline = bare_outline(sheet)
    levels = [None, *(part.level for part in outline), Level.CHAPTER]
    return tuple(
        CardView(
            card=card,
            anchor=anchor,
            index=index - 1,
            level=int(levels[index] or 0),
            ends_items=index > 0 and levels[index + 1] is not Level.ITEM,
            ends_chapter=index > 0 and levels[index + 1] is Level.CHAPTER,
        )
        for index, (card, anchor) in enumerate(
            zip(sheet.cards, (LEAD, *outline_anchors(outline)), strict=True)
        )
    )
