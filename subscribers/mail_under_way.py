"""Deliveries to two addresses of one person, who gets each mailing only once.

Rows are locked in the ledger's order: mailing, batch, deliveries; and people after them.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import Session, aliased

from newsletter.database.states import CLAIMABLE, moving_deliveries
from newsletter.database.tables import BatchRow, DeliveryRow, MailingRow
from newsletter.database.types import now
from newsletter.database.vocabulary import TO_LIST, BatchState, DeliveryState
from newsletter.errors import ConflictError
from newsletter.i18n.messages import msg

#: The reason of a skipped delivery whose reader got the mailing at the other address.
HAD_COPY = "had-copy"
#: States of copies that arrived, or may have.
_OUT = (DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)


def hold_mail(session: Session, newsletter_ids: Collection[int], people: Collection[int]) -> None:
    """Lock the queued deliveries of people, so that no worker can claim them.

    Raises:
        ConflictError: A worker is sending some of them now.
    """
    theirs = and_(
        DeliveryRow.subscriber_id.in_(people),
        DeliveryRow.state.in_((*CLAIMABLE, DeliveryState.SENDING)),
    )
    mailings = session.scalars(
        select(MailingRow.id)
        .where(
            MailingRow.newsletter_id.in_(newsletter_ids),
            exists().where(DeliveryRow.mailing_id == MailingRow.id, theirs),
        )
        .order_by(MailingRow.id)
        .with_for_update(read=True)
    ).all()
    of_them = and_(theirs, DeliveryRow.mailing_id.in_(mailings))
    batches = session.scalars(
        select(BatchRow)
        .where(
            BatchRow.mailing_id.in_(mailings),
            exists().where(
                DeliveryRow.mailing_id == BatchRow.mailing_id,
                DeliveryRow.position.between(BatchRow.first_position, BatchRow.last_position),
                theirs,
            ),
        )
        .order_by(BatchRow.mailing_id, BatchRow.number)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if any(batch.state is BatchState.LEASED for batch in batches):
        raise ConflictError(
            msg("Mail to this person is being sent at this moment."),
            remedy=msg("Try again in a minute."),
        )
    session.execute(
        select(DeliveryRow.position)
        .where(of_them)
        .order_by(DeliveryRow.mailing_id, DeliveryRow.position)
        .with_for_update()
    )


def move_mail(session: Session, newsletter_id: int, source: int, target: int) -> None:
    """Move queued deliveries to another subscriber, except mailings that this one has or will get.

    Mailings that were sent to the first address already are not sent to the second one.
    """
    own = select(MailingRow.id).where(
        MailingRow.newsletter_id == newsletter_id, MailingRow.kind.in_(TO_LIST)
    )
    other = aliased(DeliveryRow)

    def has(number: int, *states: DeliveryState) -> ColumnElement[bool]:
        found = [other.mailing_id == DeliveryRow.mailing_id, other.subscriber_id == number]
        return exists().where(*found, *([other.state.in_(states)] if states else []))

    session.execute(
        moving_deliveries(DeliveryState.SKIPPED, sources=CLAIMABLE)
        .where(
            DeliveryRow.subscriber_id == target,
            DeliveryRow.mailing_id.in_(own),
            has(source, *_OUT),
        )
        .values(reply=f"[{HAD_COPY}]", settled_at=now())
    )
    session.execute(
        update(DeliveryRow)
        .where(
            DeliveryRow.subscriber_id == source,
            DeliveryRow.state.in_(CLAIMABLE),
            DeliveryRow.mailing_id.in_(own),
            ~has(target),
        )
        .values(subscriber_id=target)
        .execution_options(synchronize_session=False)
    )
