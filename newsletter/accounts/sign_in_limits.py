"""Limits on attempts to sign in, counted in the database before the password is checked.

Attempts are counted first, by one statement, so that concurrent attempts cannot exceed the limit. A
success resets the account's count, but not the network's.

Anybody can try to sign in to any account. With a limit per account only, eight wrong attempts would
lock the owner out. So the limit is per account and network together; the limit per account is far
higher; and a browser that signed in to the account before has a count of its own. An attempt that
is refused for its network does not count for the account.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Engine, case, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.tables import SignInLimitRow
from newsletter.networks import NETWORKS_OF_A_SITE, site_of

WINDOW = timedelta(minutes=15)


class Attempt(StrEnum):
    """The kinds of attempts, which are counted separately."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind of attempt
    CODE = "code"
    FORGOTTEN = "forgotten"


#: Maximum attempts within `WINDOW`: on one account from one network (or known browser), on one
#: account in total, and on all accounts from one network. For the second factor, the total limit is
#: that of one network: a code has only six digits, and the attacker knows the password already.
_FROM_ONE = 8
_FROM_EVERYWHERE = {Attempt.PASSWORD: 100, Attempt.CODE: 8, Attempt.FORGOTTEN: 40}
_FROM_NETWORK = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Browser:
    """The data about a client, which are shown to the owner of the session.

    Attributes:
        known: An identifier of the browser if it has signed in before; else empty.
        known_to: The account that it signed in to.
        known_since: How often all sessions of that account had been ended by then.
        session: The token of its present session; or empty.
    """

    network: str = ""
    user_agent: str = ""
    known: str = ""
    known_to: int = 0
    known_since: int = 0
    session: str = ""


def count_try(
    engine: Engine, attempt: Attempt, *, account: str, browser: Browser, moment: datetime
) -> bool:
    """Count an attempt on an account, by its address; return whether it is permitted."""
    with transaction(engine) as session:
        # Always in the same order, the narrowest limit first, so that there are no deadlocks.
        may_be_made = all(
            _count(session, key, moment) <= most
            for key, most in _bounds(attempt, account, browser).items()
        )
        session.execute(delete(SignInLimitRow).where(SignInLimitRow.since < moment - 4 * WINDOW))
    return may_be_made


def _bounds(attempt: Attempt, account: str, browser: Browser) -> dict[str, int]:
    """Return the keys under which an attempt counts, the narrowest first, with their limits."""
    bounds = {_own_key(attempt, account, browser): _FROM_ONE}
    if browser.known and attempt is not Attempt.CODE:
        return bounds
    if site := site_of(browser.network):
        bounds[_key(attempt, "own", f"{account} site {site}")] = _FROM_ONE * NETWORKS_OF_A_SITE
    bounds[_key(attempt, "network", browser.network)] = _FROM_NETWORK
    if site:
        bounds[_key(attempt, "site", site)] = _FROM_NETWORK * NETWORKS_OF_A_SITE
    bounds[_key(attempt, "account", account)] = _FROM_EVERYWHERE[attempt]
    return bounds


def forgive(session: Session, attempt: Attempt, *, account: str, browser: Browser) -> None:
    """Reset the count of an account for a network or browser, after a success."""
    keys = [_own_key(attempt, account, browser)]
    if attempt is Attempt.CODE:
        keys.append(_key(attempt, "account", account))
    session.execute(delete(SignInLimitRow).where(SignInLimitRow.key.in_(keys)))


def _own_key(attempt: Attempt, account: str, browser: Browser) -> str:
    place = f"browser {browser.known}" if browser.known else f"network {browser.network}"
    return _key(attempt, "own", f"{account} {place}")


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


def _key(attempt: Attempt, kind: str, name: str) -> str:
    digest = hashlib.sha256(f"{kind} {name.casefold()}".encode()).hexdigest()
    return f"{attempt.value}:{digest}"
