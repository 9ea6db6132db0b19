"""What keeps rows from mail in columns that are not kept: a no, an entry, a remark of leaving."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from newsletter.errors import ListError
from newsletter.i18n.messages import Message, msg
from subscribers.fields.model import Field
from subscribers.lists.columns.columns import NO_ANSWERS, ColumnAnswers, form_of
from subscribers.lists.words.formats import IGNORED

#: What keeps a row from mail, by how a column that is none of ours is marked. In one that has no
#: mark a plain word of leaving does, as it does in all of them.
_KEEPS_OUT: Mapping[str, Message] = {
    "hint": msg("Whoever has a no here gets no email."),
    "disabled": msg("Whoever has an entry here gets no email."),
    "remark": msg("Whoever has left according to a remark here gets no email."),
    "plain remark": msg("Whoever has left according to a remark here gets no email."),
    "heeded": msg("Whoever has such a remark here gets no email."),
    "heading": msg("Whoever stands below a heading that speaks of leaving gets no email."),
    "plain heading": msg("Whoever stands below a heading that speaks of leaving gets no email."),
}


def exclusions_in(
    names: Collection[str],
    *,
    address: str,
    file_name: str,
    custom: Sequence[Field] = (),
    answers: ColumnAnswers = NO_ANSWERS,
) -> Mapping[str, Message]:
    """Return what of a column keeps a row from mail though it is not kept, by the column's name.

    Args:
        names: The list's columns.
        address: Which of them holds the addresses; empty where nobody knows yet.
        file_name: The list's.
        custom: The fields of the newsletter's people.
        answers: What somebody said of the columns.
    """
    chosen = {**dict.fromkeys(names, IGNORED), **({address: "address"} if address else {})}
    try:
        form = form_of(
            names, chosen, custom=custom, source=file_name, file_name=file_name, answers=answers
        )
    except ListError:
        return {}
    return {name: _KEEPS_OUT[mark] for name, mark in form.marks.items() if mark in _KEEPS_OUT}
