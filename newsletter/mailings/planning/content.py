"""The content of a mailing, stored when the mailing is created and independent of the issue."""

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
    """The target of a notice's button, as numbers.

    The link is signed only when the message is composed. A link stored in the database could be
    followed by anybody who reads the database, a dump or a replica.
    """

    purpose: Purpose
    numbers: tuple[int, ...]

    def url(self, public_url: str, signer: TokenSigner) -> str:
        """Return the link."""
        return f"{public_url}/{_PATHS[self.purpose]}/{signer.sign(self.purpose, *self.numbers)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """The sender of messages.

    Attributes:
        bounce_address: The return path for bounces; empty for the null return path.
    """

    name: str
    address: str
    reply_to: str
    bounce_address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MailingContent:
    """The rendered issue and the sender of a mailing.

    Attributes:
        bounce_address: The return path for bounces; empty for the null return path.
        date: The Date header of all messages.
        counts_clicks: Whether links are replaced by counting ones.
        action: The target of a notice's button; None for other mail.
        varies: Whether the mailing has variants.
        links: The counted links, by number, if the variants have different ones; empty if all
            readers get the links of ``rendered``.
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


#: The variant of readers who meet no condition, and of mailings without conditions.
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
    """Store a mailing's content, and the recipe from which its variants are rendered.

    ``correction`` is the number of the last correction of the issue that the content includes.
    """
    payload = _ADAPTER.dump_json(content).decode()
    kept = None if recipe is None else _RECIPE.dump_json(recipe).decode()
    session.add(
        MailingContentRow(
            mailing_id=mailing_id, correction=correction, payload=payload, recipe=kept
        )
    )


def redate_content(session: Session, mailing_id: int, date: datetime) -> None:
    """Change the Date header of the messages of a mailing that has not begun."""
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
    """Store the content of a variant, unless it is stored already."""
    row = {
        "mailing_id": mailing_id,
        "correction": correction,
        "variant": variant,
        "payload": _RENDERED.dump_json(rendered).decode(),
    }
    insert_missing(session, MailingVariantRow, [row])


def load_recipe(session: Session, mailing_id: int) -> Recipe | None:
    """Return the recipe of a mailing's variants; None if it has no variants."""
    return load_numbered_recipe(session, mailing_id)[1]


def load_numbered_recipe(session: Session, mailing_id: int) -> tuple[int, Recipe | None]:
    """Return the number of the last correction in the recipe, and the recipe of `load_recipe`."""
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
    """Return the conditions from which a mailing's variant numbers are computed, in order.

    They are the conditions at the time of planning; corrections do not change them.
    """
    kept = session.scalar(
        select(MailingContentRow.recipe)
        .where(MailingContentRow.mailing_id == mailing_id)
        .order_by(MailingContentRow.correction)
        .limit(1)
    )
    return () if kept is None else recipe_conditions(_RECIPE.validate_json(kept))


def recipe_conditions(recipe: Recipe) -> tuple[str, ...]:
    """Return the conditions that determine a reader's variant.

    They include those of translations that lack a later correction.
    """
    parts = (part_conditions(each) for each in (recipe.issue, *(e.issue for e in recipe.earlier)))
    languages = language_conditions(recipe.issue, (each.language for each in recipe.earlier))
    return (*dict.fromkeys(chain.from_iterable(parts)), *languages)


def load_content(
    session: Session, mailing_id: int, variant: int = COMMON, *, correction: int | None = None
) -> MailingContent:
    """Return the content of a mailing's variant.

    Args:
        session: The database session.
        mailing_id: The mailing's number.
        variant: The variant's number.
        correction: The last correction to include; None for the content that is sent now.

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
    # A correction may have removed the last part with a condition.
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
    """Return the error for a mailing that does not exist, or that the user may not see."""
    return NotFoundError(
        msg("There is no mailing {mailing}.", mailing=mailing_id),
        command=msg("See the list with: newsletter mailing list."),
    )
