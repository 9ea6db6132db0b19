"""Attribution: identify the delivery and the subscriber of a bounce, and the proof of it.

A signed return path has precedence, then our Message-ID, which is signed as well, then the address.
A mail that is attributed by its address alone proves nothing: anybody could have written it.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletter.addresses import parse_address
from newsletter.bounces.addresses import is_system
from newsletter.database.tables import (
    BounceRow,
    DeliveryRow,
    MailingRow,
    NewsletterRow,
    SubscriberRow,
)
from newsletter.database.vocabulary import TO_LIST, BounceKind, BounceSource
from newsletter.errors import ListError
from newsletter.mailings.planning.links import compare
from newsletter.message.identifiers import (
    claims_delivery,
    person_code,
    read_delivery_id,
    read_return_path,
    without_signature,
)
from newsletter.newsletters.publications import join_address
from newsletter.tokens import DeliveryRef, TokenSigner, mark_of


class AttributionProof(StrEnum):
    """The evidence that a bounce is about a delivery of ours."""

    #: The reply of our own relay.
    RELAY = "relay"
    RETURN_PATH = "return-path"
    MESSAGE_ID = "message-id"
    #: A provider that authenticates its calls.
    PROVIDER = "provider"
    #: An address in a mail that anybody could have sent.
    NONE = "none"
    FORGED = "forged"

    @property
    def holds(self) -> bool:
        """Whether the proof is good enough for a consequence."""
        return self not in {AttributionProof.NONE, AttributionProof.FORGED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """The delivery and the subscriber of a bounce, as far as they are known."""

    proof: AttributionProof
    newsletter_id: int | None = None
    mailing_id: int | None = None
    subscriber_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The keys that verify our signatures."""

    signer: TokenSigner
    message_id_key: bytes


def attribute(
    session: Session, rows: Sequence[BounceRow], keys: Keys, owners: Mapping[int, int]
) -> dict[int, Attribution]:
    """Return the attribution of each bounce by its id.

    Args:
        session: In the transaction that acts on the attributions.
        rows: The bounces.
        keys: The keys that verify our signatures.
        owners: The result of an earlier `find_owners`; each entry is verified again.
    """
    by_address = _subscribers_by_address(session, rows)
    by_message_id = _deliveries_by_message_id(session, rows, keys, by_address, owners)
    signed = {row.id: read_return_path(keys.signer, row.return_path) for row in rows}
    today = compare(session, {ref for ref in signed.values() if ref is not None})
    found = {
        row.id: _of_return_path(today[ref])
        if (ref := signed[row.id]) is not None and row.source is not BounceSource.SMTP
        else _attribute_one(row, by_address.get(row.id), by_message_id.get(row.id))
        for row in rows
    }
    for row_id in _about_other_addresses(session, rows, found, keys):
        found[row_id] = replace(found[row_id], subscriber_id=None)
    return _complete(session, found)


def _about_other_addresses(
    session: Session, rows: Sequence[BounceRow], found: dict[int, Attribution], keys: Keys
) -> list[int]:
    """Return the bounces by mail in which the failed address is ours or a mail system's.

    Such a notice is about mail that was sent to us (an automatic reply, a list's notice) or about
    another notice. It can still arrive at a reader's signed return path.
    """
    suspects = {
        row.id: row.address.lower()
        for row in rows
        if row.source is BounceSource.MAIL
        and row.kind in {BounceKind.HARD, BounceKind.SOFT}
        and row.address
        and found[row.id].subscriber_id is not None
    }
    own = _own_addresses(session) if suspects else frozenset()
    named = {
        row_id: address
        for row_id, address in suspects.items()
        if is_system(address)
        or without_signature(address) in own
        or read_return_path(keys.signer, address) is not None
    }
    people = {found[row_id].subscriber_id for row_id in named}
    query = select(SubscriberRow.id, SubscriberRow.address_key).where(SubscriberRow.id.in_(people))
    theirs: dict[int, str | None] = {row[0]: row[1] for row in session.execute(query)}
    return [
        row_id
        for row_id, address in named.items()
        if _key_of(address) != theirs.get(found[row_id].subscriber_id or 0)
    ]


def _own_addresses(session: Session) -> frozenset[str]:
    """Return the addresses that newsletters send from or receive at, in lower case."""
    return frozenset(
        address.lower()
        for row in session.scalars(select(NewsletterRow))
        for address in (
            row.from_address,
            row.reply_to,
            row.bounce_address,
            row.unsubscribe_address,
            join_address(row),
        )
        if address
    )


def _key_of(address: str) -> str | None:
    try:
        return parse_address(address).key
    except ListError:
        return None


def _of_return_path(ref: DeliveryRef | None) -> Attribution:
    """Return the attribution of a genuine return path; empty if a restore lost the subscriber."""
    if ref is None:
        return Attribution(proof=AttributionProof.RETURN_PATH)
    return Attribution(
        proof=AttributionProof.RETURN_PATH,
        newsletter_id=ref.newsletter_id,
        mailing_id=ref.mailing_id or None,
        subscriber_id=ref.subscriber_id,
    )


def _attribute_one(
    row: BounceRow,
    by_address: int | None,
    by_message_id: tuple[int, int] | None,
) -> Attribution:
    if row.source is BounceSource.SMTP:
        return Attribution(
            proof=AttributionProof.RELAY,
            newsletter_id=row.newsletter_id,
            mailing_id=row.mailing_id,
            subscriber_id=row.subscriber_id,
        )
    if _is_forged(row):
        return Attribution(proof=AttributionProof.FORGED)
    if by_message_id is not None:
        mailing_id, subscriber_id = by_message_id
        return Attribution(
            proof=AttributionProof.MESSAGE_ID, mailing_id=mailing_id, subscriber_id=subscriber_id
        )
    return Attribution(
        proof=AttributionProof.PROVIDER
        if row.source is BounceSource.WEBHOOK
        else AttributionProof.NONE,
        subscriber_id=by_address,
    )


def _is_forged(row: BounceRow) -> bool:
    """Return whether a return path that failed verification has the form of a signed one."""
    return row.source is not BounceSource.WEBHOOK and claims_delivery(row.return_path)


def _subscribers_by_address(session: Session, rows: Sequence[BounceRow]) -> dict[int, int]:
    keys = {row.id: key for row in rows if (key := _key_of(row.address)) is not None}
    subscribers = session.execute(
        select(SubscriberRow.address_key, SubscriberRow.id).where(
            SubscriberRow.address_key.in_(set(keys.values()))
        )
    )
    ids = {row[0]: row[1] for row in subscribers}
    return {row_id: ids[key] for row_id, key in keys.items() if key in ids}


def find_owners(session: Session, rows: Sequence[BounceRow], keys: Keys) -> dict[int, int]:
    """Return the subscriber by bounce id for reports that are identified by Message-ID only.

    If a report hides or rewrites the address, all recipients of the mailing are tried, once for
    all reports. For a long list this takes seconds, so ``session`` only reads and holds no locks.
    """
    unidentified = [
        row
        for row in rows
        if read_return_path(keys.signer, row.return_path) is None and not _is_forged(row)
    ]
    by_address = _subscribers_by_address(session, unidentified)
    known = _deliveries_by_message_id(session, unidentified, keys, by_address, {})
    open_ids: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row_id, (mailing_id, code) in _read_ids(unidentified, keys).items():
        if row_id not in known:
            open_ids[mailing_id][code].append(row_id)
    return {
        row_id: subscriber_id
        for mailing_id, rows_by_code in open_ids.items()
        for code, subscriber_id in _search(session, keys, mailing_id, rows_by_code.keys())
        for row_id in rows_by_code[code]
    }


def _read_ids(rows: Sequence[BounceRow], keys: Keys) -> dict[int, tuple[int, str]]:
    """Return by bounce id the mailing and the person's code in each genuine Message-ID."""
    return {
        row.id: read
        for row in rows
        if row.source is not BounceSource.SMTP
        and (read := read_delivery_id(keys.message_id_key, row.message_id)) is not None
    }


def _deliveries_by_message_id(
    session: Session,
    rows: Sequence[BounceRow],
    keys: Keys,
    by_address: Mapping[int, int],
    owners: Mapping[int, int],
) -> dict[int, tuple[int, int]]:
    """Return mailing and subscriber of each genuine Message-ID, by bounce id.

    A Message-ID names its mailing and a code of its subscriber. The candidates whose code is
    compared are the owner of the reported address, the result of `find_owners`, and the
    subscriber stored when the bounce was judged.
    """
    ids = _read_ids(rows, keys)
    candidates = {
        row.id: {by_address.get(row.id), owners.get(row.id), row.subscriber_id} for row in rows
    }
    created = _created(session, [one for row_id in ids for one in candidates[row_id] if one])
    mailings = {number: _mailing_of(session, number) for number in {one[0] for one in ids.values()}}
    return {
        row_id: (mailing_id, subscriber_id)
        for row_id, (mailing_id, code) in ids.items()
        for subscriber_id in candidates[row_id]
        if subscriber_id
        and subscriber_id in created
        and hmac.compare_digest(
            _code(keys, *mailings[mailing_id], subscriber_id, created[subscriber_id]), code
        )
    }


def _search(
    session: Session, keys: Keys, mailing_id: int, codes: Collection[str]
) -> Iterator[tuple[str, int]]:
    """Yield the owners of the codes in a mailing's Message-IDs, by trying all its recipients."""
    mailing, missing = _mailing_of(session, mailing_id), set(codes)
    query = (
        select(SubscriberRow.id, SubscriberRow.created_at)
        .join(DeliveryRow, DeliveryRow.subscriber_id == SubscriberRow.id)
        .where(DeliveryRow.mailing_id == mailing_id)
        .execution_options(yield_per=5000)
    )
    # The context manager closes the cursor even if the caller stops iterating early.
    with session.execute(query) as subscribers:
        for subscriber_id, since in subscribers:
            code = _code(keys, *mailing, subscriber_id, since)
            if code in missing:
                missing.remove(code)
                yield code, subscriber_id
                if not missing:
                    break


class _RecentSearches:
    """Owners that searches found, by the mailing's identity and the person's code.

    A search reads up to all recipients of a mailing, and anybody who has one message of ours can
    send its Message-ID any number of times.
    """

    #: How many results are remembered, and for how many seconds.
    _MOST, _SECONDS = 1000, 3600.0

    def __init__(self) -> None:
        self._lock = Lock()
        self._results: OrderedDict[tuple[str, str], tuple[float, int | None]] = OrderedDict()

    def owner(
        self,
        key: tuple[str, str],
        search: Callable[[], int | None],
        still: Callable[[int], bool],
    ) -> int | None:
        """Return the owner that was found lately and ``still`` is, or else what a search finds."""
        with self._lock:
            at, owner = self._results.get(key, (float("-inf"), None))
        if time.monotonic() - at < self._SECONDS and (owner is None or still(owner)):
            return owner
        owner = search()
        with self._lock:
            self._results[key] = time.monotonic(), owner
            self._results.move_to_end(key)
            while len(self._results) > self._MOST:
                self._results.popitem(last=False)
        return owner


_recent_searches = _RecentSearches()


def delivery_of_message_id(session: Session, keys: Keys, message_id: str) -> tuple[int, int] | None:
    """Return mailing and subscriber of a Message-ID; None if not ours, or if its owner is gone."""
    read = read_delivery_id(keys.message_id_key, message_id)
    if read is None:
        return None
    mailing_id, code = read
    owner = _recent_searches.owner(
        (_mailing_of(session, mailing_id)[0], code),
        lambda: next((number for _, number in _search(session, keys, mailing_id, {code})), None),
        lambda number: mailing_of_message_id(session, keys, message_id, number) is not None,
    )
    return None if owner is None else (mailing_id, owner)


def mailing_of_message_id(
    session: Session, keys: Keys, message_id: str, subscriber_id: int
) -> int | None:
    """Return the mailing of a Message-ID that a person received; None if it is not theirs."""
    read = read_delivery_id(keys.message_id_key, message_id)
    if read is None:
        return None
    mailing_id, code = read
    since = _created(session, [subscriber_id]).get(subscriber_id)
    if since is None:
        return None
    genuine = _code(keys, *_mailing_of(session, mailing_id), subscriber_id, since)
    return mailing_id if hmac.compare_digest(genuine, code) else None


def _mailing_of(session: Session, mailing_id: int) -> tuple[str, datetime]:
    """Return a mailing's identity and its newsletter's creation time; placeholders if unknown."""
    mailing = session.execute(
        select(MailingRow.identity, NewsletterRow.created_at)
        .join(NewsletterRow, NewsletterRow.id == MailingRow.newsletter_id)
        .where(MailingRow.id == mailing_id)
    ).one_or_none()
    if mailing is None:
        return "", datetime.min.replace(tzinfo=UTC)
    return mailing.identity, mailing.created_at


def _created(session: Session, subscriber_ids: Iterable[int]) -> dict[int, datetime]:
    query = select(SubscriberRow.id, SubscriberRow.created_at).where(
        SubscriberRow.id.in_(set(subscriber_ids))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _code(
    keys: Keys, identity: str, newsletter_since: datetime, subscriber_id: int, since: datetime
) -> str:
    mark = mark_of(newsletter_since, since)
    return person_code(keys.message_id_key, identity, subscriber_id, mark)


def _complete(session: Session, attributions: dict[int, Attribution]) -> dict[int, Attribution]:
    """Add the newsletter of each mailing; without a mailing, use the person's newest issue."""
    lost = {
        one.subscriber_id
        for one in attributions.values()
        if one.subscriber_id
        and not one.mailing_id
        and one.proof is not AttributionProof.RETURN_PATH
    }
    newest = {
        row[0]: row[1]
        for row in session.execute(
            select(DeliveryRow.subscriber_id, func.max(DeliveryRow.mailing_id))
            .join(MailingRow, MailingRow.id == DeliveryRow.mailing_id)
            .where(DeliveryRow.subscriber_id.in_(lost), MailingRow.kind.in_(TO_LIST))
            .group_by(DeliveryRow.subscriber_id)
        )
    }
    real = _existing(session, attributions)
    completed = {
        row_id: replace(
            one,
            mailing_id=one.mailing_id
            if one.mailing_id or one.proof is AttributionProof.RETURN_PATH
            else newest.get(one.subscriber_id or 0),
            subscriber_id=one.subscriber_id if one.subscriber_id in real else None,
        )
        for row_id, one in attributions.items()
    }
    mailings = {one.mailing_id for one in completed.values() if one.mailing_id}
    newsletters = {
        row[0]: row[1]
        for row in session.execute(
            select(MailingRow.id, MailingRow.newsletter_id).where(MailingRow.id.in_(mailings))
        )
    }
    return {
        row_id: Attribution(
            proof=one.proof,
            newsletter_id=newsletters.get(one.mailing_id or 0, one.newsletter_id),
            mailing_id=one.mailing_id if one.mailing_id in newsletters else None,
            subscriber_id=one.subscriber_id,
        )
        for row_id, one in completed.items()
    }


def _existing(session: Session, attributions: dict[int, Attribution]) -> set[int]:
    ids = {one.subscriber_id for one in attributions.values() if one.subscriber_id}
    return set(session.scalars(select(SubscriberRow.id).where(SubscriberRow.id.in_(ids))))
