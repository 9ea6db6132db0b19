"""Sign-in limits: tries are counted in the database before a password is looked at.

Counting first, in one statement, means that a hundred tries at the same instant are a hundred
tries. A success forgives the account's count, never the network's.
"""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import Engine, case, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.tables import SignInLimitRow

WINDOW = timedelta(minutes=15)
_TRIES_PER_ACCOUNT = 8
_TRIES_PER_NETWORK = 40
_IPV6_PREFIX = 64


def network_of(host: str) -> str:
    """Return what one household or office shares: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)


def count_try(engine: Engine, *, account: str, network: str, moment: datetime) -> bool:
    """Count one try by an account's name from a network; return whether it may be made."""
    with transaction(engine) as session:
        # Both are counted, and in this order everywhere, so that two tries never wait in a ring.
        by_account = _count(session, _key("account", account), moment)
        by_network = _count(session, _key("network", network), moment)
        session.execute(delete(SignInLimitRow).where(SignInLimitRow.since < moment - 4 * WINDOW))
    return by_account <= _TRIES_PER_ACCOUNT and by_network <= _TRIES_PER_NETWORK


def forgive(session: Session, *, account: str) -> None:
    """Forget the tries by an account's name, which has proved itself."""
    session.execute(delete(SignInLimitRow).where(SignInLimitRow.key == _key("account", account)))


def _count(session: Session, key: str, moment: datetime) -> int:
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    expired = SignInLimitRow.since < moment - WINDOW
    statement = (
        insert(SignInLimitRow)
        .values(key=key, tries=1, since=moment)
        .on_conflict_do_update(
            index_elements=[SignInLimitRow.key],
            set_={
                "tries": case((expired, 1), else_=SignInLimitRow.tries + 1),
                "since": case((expired, moment), else_=SignInLimitRow.since),
            },
        )
        .returning(SignInLimitRow.tries)
    )
    return session.scalars(statement).one()


def _key(kind: str, name: str) -> str:
    return f"{kind}:{hashlib.sha256(name.casefold().encode()).hexdigest()}"
