"""Limits on requests to join, so that forms cannot be used to flood somebody's mailbox.

Requests are counted in the database, so that losing Redis does not remove the limits. Time windows
are fixed; around the end of a window, up to twice the limit may be reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from newsletter.database.insert import insert_missing
from newsletter.database.tables import JoinTallyRow
from newsletter.database.types import now
from newsletter.networks import NETWORKS_OF_A_SITE, network_of, site_of
from newsletter.settings import Settings
from newsletter.tokens import Pseudonyms

_HOUR, _DAY = 3_600, 86_400
#: The prefix length by which IPv4 addresses count as one network.
_IPV4_BITS = 24
#: How long tallies are kept, which is longer than any window.
_KEPT = timedelta(days=2)

#: Domains whose provider ignores dots before the @.
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinLimits:
    """The maximum numbers of requests: per address and day, per network and newsletter and hour.

    Attributes:
        network_unproven: The limit for requests without proof of work or DMARC.
        newsletter_unproven: The same per newsletter.
    """

    address: int
    network: int
    newsletter: int
    network_unproven: int
    newsletter_unproven: int

    @classmethod
    def of(cls, settings: Settings) -> JoinLimits:
        """Return the limits in the settings."""
        return cls(
            address=settings.join_limit_address,
            network=settings.join_limit_network,
            newsletter=settings.join_limit_newsletter,
            network_unproven=settings.join_limit_network_unproven,
            newsletter_unproven=settings.join_limit_newsletter_unproven,
        )


def kept_network(client: str, exactness: str) -> str:
    """Return a network address with the precision ``none``, ``network`` or ``full``."""
    match exactness:
        case "none":
            return ""
        case "full":
            return network_of(client, ipv6_bits=128)
        case _:
            return network_of(client, ipv4_bits=_IPV4_BITS, ipv6_bits=48)


def count_sender(
    session: Session,
    pseudonyms: Pseudonyms,
    limits: JoinLimits,
    *,
    client: str | None,
    newsletter_id: int,
    is_proven: bool,
    about: str = "",
) -> bool:
    """Count a request by network and newsletter; return whether it is within all limits.

    A request by mail has no network (``client`` is None). A request that exceeds the limit of its
    network does not count for the newsletter, since a single sender could use up that limit.
    Requests ``about`` something else than joining are counted separately.
    """
    kinds = [(f"{about}\0" if about else "", limits.network, limits.newsletter)]
    if not is_proven:
        kinds.insert(0, ("unproven\0", limits.network_unproven, limits.newsletter_unproven))
    scopes = _scopes_of(kinds, client=client, newsletter_id=newsletter_id)
    return all(
        _count(session, pseudonyms.of(scope), _HOUR) <= most for scope, most in scopes.items()
    )


_DISPLAYS = "shown"


def count_display(
    session: Session, pseudonyms: Pseudonyms, limits: JoinLimits, client: str, newsletter_id: int
) -> bool:
    """Count the display of a form; return whether it is within the limits for requests.

    Otherwise anybody could falsify the figures of a form by loading it again and again.
    """
    return count_sender(
        session,
        pseudonyms,
        limits,
        client=client,
        newsletter_id=newsletter_id,
        is_proven=True,
        about=_DISPLAYS,
    )


def may_count_display(
    session: Session, pseudonyms: Pseudonyms, limits: JoinLimits, client: str, newsletter_id: int
) -> bool:
    """Return whether another display would be counted, without writing anything."""
    kinds = [(f"{_DISPLAYS}\0", limits.network, limits.newsletter)]
    scopes = _scopes_of(kinds, client=client, newsletter_id=newsletter_id)
    window = int(now().timestamp()) // _HOUR
    for scope, most in scopes.items():
        tally = session.get(JoinTallyRow, (pseudonyms.of(scope), window))
        if tally is not None and tally.count >= most:
            return False
    return True


def _scopes_of(
    kinds: Sequence[tuple[str, int, int]], *, client: str | None, newsletter_id: int
) -> dict[str, int]:
    """Return what is counted, with its limit.

    ``kinds`` has the beginning of a scope, and the limits per network and per newsletter.
    """
    scopes: dict[str, int] = {}
    if client is not None:
        sender, site = network_of(client, ipv4_bits=_IPV4_BITS), site_of(client)
        for kind, network, _ in kinds:
            scopes[f"{kind}network\0{sender}"] = network
            if site:
                scopes[f"{kind}site\0{site}"] = network * NETWORKS_OF_A_SITE
    for kind, _, newsletter in kinds:
        scopes[f"{kind}newsletter\0{newsletter_id}"] = newsletter
    return scopes


def was_used(session: Session, pseudonyms: Pseudonyms, proof: str) -> bool:
    """Return whether a proof of work, or a mail, was used before, without counting it."""
    scope = pseudonyms.of(f"proof\0{proof}")
    return session.get(JoinTallyRow, (scope, 0)) is not None


def is_first_use(session: Session, pseudonyms: Pseudonyms, proof: str) -> bool:
    """Count the use of a proof of work, or of a mail; return whether it is the first use.

    Tallies are kept for two days, longer than any challenge is valid.
    """
    return _count(session, pseudonyms.of(f"proof\0{proof}"), None) == 1


def count_address(
    session: Session, pseudonyms: Pseudonyms, limits: JoinLimits, address_key: str
) -> bool:
    """Count a request for an address; return whether another mail may be sent to it today."""
    mailbox = pseudonyms.of(f"address\0{_mailbox_of(address_key)}")
    return _count(session, mailbox, _DAY) <= limits.address


def _mailbox_of(address_key: str) -> str:
    """Return the mailbox of an address, by which requests are counted.

    A suffix after + is removed, and dots for Google, which ignores them. Elsewhere, addresses that
    differ by a dot may belong to different people.
    """
    local, _, domain = address_key.rpartition("@")
    name = local.partition("+")[0]
    if domain in _DOTLESS:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"


def _count(session: Session, scope: str, seconds: int | None) -> int:
    """Increment a count in the present window of ``seconds``; None for a single window."""
    moment = now()
    window = int(moment.timestamp()) // seconds if seconds else 0
    session.execute(delete(JoinTallyRow).where(JoinTallyRow.started_at < moment - _KEPT))
    row = {"scope": scope, "window": window, "count": 0, "started_at": moment}
    insert_missing(session, JoinTallyRow, [row])
    return session.scalars(
        update(JoinTallyRow)
        .where(JoinTallyRow.scope == scope, JoinTallyRow.window == window)
        .values(count=JoinTallyRow.count + 1)
        .returning(JoinTallyRow.count)
    ).one()
