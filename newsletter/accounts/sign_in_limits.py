"""Sign-in limits: tries are counted in the database before a password is looked at.

Counting first, in one statement, means that a hundred tries at the same instant are a hundred
tries. A success forgives its own count, never the network's.

Anybody can try anybody's account. Were tries counted by account alone, eight wrong ones from
anywhere would keep its owner out; so they count by account and network together, by account alone
only far higher, and a browser that signed in to the account before has a count of its own. What is
refused to one network counts no further: it would use up what all others may try.
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
    """What is tried; each is counted for itself."""

    PASSWORD = "password"  # noqa: S105 - the word for trying one
    CODE = "code"
    FORGOTTEN = "forgotten"


#: Tries within `WINDOW`: of one account from one network (or known browser), of one account from
#: everywhere, and of all accounts from one network. A code has but six digits, and whoever tries
#: it knows the password: there, no more come from everywhere than from one network.
_FROM_ONE = 8
_FROM_EVERYWHERE = {Attempt.PASSWORD: 100, Attempt.CODE: 8, Attempt.FORGOTTEN: 40}
_FROM_NETWORK = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Browser:
    """What is known of whoever asks; shown to the owner of the session.

    Attributes:
        known: Tells this browser from others where it signed in before; else empty.
        known_to: The account that it signed in to.
        known_since: How often all sessions of that account had been ended by then.
        session: The token of the session that it has; empty for none.
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
    """Count one try at an account by its name; return whether it may be made."""
    with transaction(engine) as session:
        # The narrowest bound comes first, for all: so two tries never wait in a ring.
        may_be_made = all(
            _count(session, key, moment) <= most
            for key, most in _bounds(attempt, account, browser).items()
        )
        session.execute(delete(SignInLimitRow).where(SignInLimitRow.since < moment - 4 * WINDOW))
    return may_be_made


def _bounds(attempt: Attempt, account: str, browser: Browser) -> dict[str, int]:
    """Return what a try is counted under, the narrowest first, and the most tries of each."""
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
    """Forget the tries at an account from where it has proved itself."""
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
