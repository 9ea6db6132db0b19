"""What a mailing sends, frozen when it was made: it stays so whatever becomes of the issue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from operator import not_
from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import MailingContentRow, MailingVariantRow
from newsletter.errors import NotFoundError
from newsletter.i18n.messages import msg
from newsletter.issues.conditions import part_conditions
from newsletter.issues.translations import language_conditions
from newsletter.message.frame import Identity
from newsletter.rendering.model import Recipe, RenderedIssue
from newsletter.tokens import Purpose, TokenSigner

_PATHS = {
    Purpose.CONFIRM: "c",
    Purpose.PREFERENCES: "p",
    Purpose.ACCOUNT: "welcome",
    Purpose.ADDRESS_CHANGE: "address",
    Purpose.ADDRESS_CHANGE_UNDO: "address/undo",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeAction:
    """Where the button of a notice leads, as numbers.

    The link itself is signed when the message is composed. Whoever reads the database, a dump or a
    replica of it, could otherwise follow it in the recipient's place.
    """

    purpose: Purpose
    numbers: tuple[int, ...]

    def url(self, public_url: str, signer: TokenSigner) -> str:
        """Return the link."""
        return f"{public_url}/{_PATHS[self.purpose]}/{signer.sign(self.purpose, *self.numbers)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """As whom mail goes out.

    Attributes:
        bounce_address: Where bounces go; empty for the null return path.
    """

    name: str
    address: str
    reply_to: str
    bounce_address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingContent:
    """The rendered issue with the sender as it was then.

    Attributes:
        bounce_address: Where bounces go; empty for the null return path.
        date: Every message's Date.
        counts_clicks: Whether its links lead through ours.
        action: Where the button of a notice leads; None for what has none of its own.
        varies: Whether there are variants of it for some readers.
        links: The links that are counted, by number, where readers get different ones of them;
            empty where all get those of ``rendered``.
    """

    newsletter_id: int
    rendered: RenderedIssue
    identity: Identity
    bounce_address: str
    message_id_domain: str
    date: datetime
    counts_clicks: bool = False
    action: NoticeAction | None = None
    varies: Annotated[bool, Field(exclude_if=not_)] = False
    links: Annotated[tuple[str, ...], Field(exclude_if=not_)] = ()


#: The variant of those who meet no condition, or whose mailing has none.
COMMON = 0
_RENDERED: TypeAdapter[RenderedIssue] = TypeAdapter(RenderedIssue)
_RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)
_ADAPTER: TypeAdapter[MailingContent] = TypeAdapter(MailingContent)


def save_content(
    session: Session,
    mailing_id: int,
    content: MailingContent,
    recipe: Recipe | None = None,
    *,
    correction: int = 0,
) -> None:
    """Freeze a mailing's content, and what variants of it are rendered from.

    ``correction`` is the last one of its issue that it contains.
    """
    payload = _ADAPTER.dump_json(content).decode()
    kept = None if recipe is None else _RECIPE.dump_json(recipe).decode()
    session.add(
        MailingContentRow(
            mailing_id=mailing_id, correction=correction, payload=payload, recipe=kept
        )
    )


def redate_content(session: Session, mailing_id: int, date: datetime) -> None:
    """Give a mailing that has not begun another Date for its messages."""
    rows = session.scalars(
        select(MailingContentRow).where(MailingContentRow.mailing_id == mailing_id)
    )
    for row in rows:
        dated = replace(_ADAPTER.validate_json(row.payload), date=date)
        row.payload = _ADAPTER.dump_json(dated).decode()


def save_variant(
    session: Session,
    mailing_id: int,
    variant: int,
    rendered: RenderedIssue,
    *,
    correction: int = 0,
) -> None:
    """Freeze what the readers of a variant get; what was frozen before stays."""
    row = {
        "mailing_id": mailing_id,
        "correction": correction,
        "variant": variant,
        "payload": _RENDERED.dump_json(rendered).decode(),
    }
    insert_missing(session, MailingVariantRow, [row])


def load_recipe(session: Session, mailing_id: int) -> Recipe | None:
    """Return what a mailing's variants are rendered from now; None where there are none."""
    return load_numbered_recipe(session, mailing_id)[1]


def load_numbered_recipe(session: Session, mailing_id: int) -> tuple[int, Recipe | None]:
    """Return what `load_recipe` does, behind the number of the last correction it contains."""
    newest = MailingContentRow.correction.desc()
    row = session.execute(
        select(MailingContentRow.correction, MailingContentRow.recipe)
        .where(MailingContentRow.mailing_id == mailing_id)
        .order_by(newest)
        .limit(1)
    ).one_or_none()
    if row is None:
        return 0, None
    return row[0], None if row[1] is None else _RECIPE.validate_json(row[1])


def planned_conditions(session: Session, mailing_id: int) -> tuple[str, ...]:
    """Return the conditions that the numbers of a mailing's variants stand for, in their order.

    They are those of the content that it was planned with, whatever a correction removed since.
    """
    kept = session.scalar(
        select(MailingContentRow.recipe)
        .where(MailingContentRow.mailing_id == mailing_id)
        .order_by(MailingContentRow.correction)
        .limit(1)
    )
    return () if kept is None else recipe_conditions(_RECIPE.validate_json(kept))


def recipe_conditions(recipe: Recipe) -> tuple[str, ...]:
    """Return what decides which of a mailing's variants a reader gets.

    Translations that a correction left behind have theirs, too.
    """
    parts = (part_conditions(each) for each in (recipe.issue, *(e.issue for e in recipe.earlier)))
    languages = language_conditions(recipe.issue, (each.language for each in recipe.earlier))
    return (*dict.fromkeys(chain.from_iterable(parts)), *languages)


def load_content(
    session: Session, mailing_id: int, variant: int = COMMON, *, correction: int | None = None
) -> MailingContent:
    """Return a mailing's frozen content, as the readers of a variant get it.

    Args:
        session: To read with.
        mailing_id: Which mailing.
        variant: For whom.
        correction: The last correction that it contains; None for how it is sent now.

    Raises:
        NotFoundError: There is no such mailing, or no such variant of it.
    """
    query = select(MailingContentRow.correction, MailingContentRow.payload).where(
        MailingContentRow.mailing_id == mailing_id
    )
    if correction is not None:
        query = query.where(MailingContentRow.correction <= correction)
    row = session.execute(
        query.order_by(MailingContentRow.correction.desc()).limit(1)
    ).one_or_none()
    if row is None:
        raise no_such_mailing(mailing_id)
    content = _ADAPTER.validate_json(row.payload)
    # A correction may have removed the last part that was for some alone.
    if variant == COMMON or not content.varies:
        return content
    rendered = session.scalar(
        select(MailingVariantRow.payload).where(
            MailingVariantRow.mailing_id == mailing_id,
            MailingVariantRow.correction == row.correction,
            MailingVariantRow.variant == variant,
        )
    )
    if rendered is None:
        raise NotFoundError(
            msg("Mailing {mailing} has no variant {variant}.", mailing=mailing_id, variant=variant)
        )
    return replace(content, rendered=_RENDERED.validate_json(rendered))


def no_such_mailing(mailing_id: int) -> NotFoundError:
    """Return the error that no mailing has this number, or none that the asker may see."""
    return NotFoundError(
        msg("There is no mailing {mailing}.", mailing=mailing_id),
        command=msg("See the list with: newsletter mailing list."),
    )
