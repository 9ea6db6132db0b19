"""Limits on joining: nobody can have a stranger's mailbox filled by our forms.

Requests are tallied in the database, so that the loss of Redis lifts no limit. Windows are fixed:
at the turn of one, up to twice a limit may pass.
"""

from __future__ import annotations

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
#: An IPv4 /24 counts as one sender.
_IPV4_BITS = 24
#: Tallies older than any window are of no use.
_KEPT = timedelta(days=2)

#: Domains of one mailbox provider that passes over dots before the @.
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinLimits:
    """How many requests are taken: an address a day, a network and a newsletter an hour.

    Attributes:
        network_unproven: Of requests that nothing speaks for: no proof of work, no DMARC.
        newsletter_unproven: Likewise.
    """

    address: int
    network: int
    newsletter: int
    network_unproven: int
    newsletter_unproven: int

    @classmethod
    def of(cls, settings: Settings) -> JoinLimits:
        """Return the limits as the settings have them."""
        return cls(
            address=settings.join_limit_address,
            network=settings.join_limit_network,
            newsletter=settings.join_limit_newsletter,
            network_unproven=settings.join_limit_network_unproven,
            newsletter_unproven=settings.join_limit_newsletter_unproven,
        )


def kept_network(client: str, exactness: str) -> str:
    """Return what the consent record says of from where: ``none``, ``network`` or ``full``."""
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
    """Tally a request by network and newsletter; return whether all limits hold.

    A request by mail, whose client is None, has no network. What a network's limit refuses is not
    tallied further: one sender would use up what the newsletter takes from all. Nor do requests
    ``about`` something else use up what is taken of those to join.
    """
    kinds = [(f"{about}\0" if about else "", limits.network, limits.newsletter)]
    if not is_proven:
        kinds.insert(0, ("unproven\0", limits.network_unproven, limits.newsletter_unproven))
    scopes: dict[str, int] = {}
    if client is not None:
        sender, site = network_of(client, ipv4_bits=_IPV4_BITS), site_of(client)
        for kind, network, _ in kinds:
            scopes[f"{kind}network\0{sender}"] = network
            if site:
                scopes[f"{kind}site\0{site}"] = network * NETWORKS_OF_A_SITE
    for kind, _, newsletter in kinds:
        scopes[f"{kind}newsletter\0{newsletter_id}"] = newsletter
    return all(
        _count(session, pseudonyms.of(scope), _HOUR) <= most for scope, most in scopes.items()
    )


def was_used(session: Session, pseudonyms: Pseudonyms, proof: str) -> bool:
    """Return whether a proof of work, or a mail, was used before; nothing is tallied."""
    scope = pseudonyms.of(f"proof\0{proof}")
    return session.get(JoinTallyRow, (scope, 0)) is not None


def is_first_use(session: Session, pseudonyms: Pseudonyms, proof: str) -> bool:
    """Tally the use of a proof of work, or of a mail; return whether it was not used before.

    Tallies are kept for two days, longer than any challenge holds.
    """
    return _count(session, pseudonyms.of(f"proof\0{proof}"), None) == 1


def count_address(
    session: Session, pseudonyms: Pseudonyms, limits: JoinLimits, address_key: str
) -> bool:
    """Tally a request for an address; return whether it may cause another mail today."""
    mailbox = pseudonyms.of(f"address\0{_mailbox_of(address_key)}")
    return _count(session, mailbox, _DAY) <= limits.address


def _mailbox_of(address_key: str) -> str:
    """Return the mailbox that an address is another name of.

    What stands after a + is free; dots are, too, at Google, which hands all spellings to one
    mailbox. Elsewhere a dot may tell two people apart.
    """
    local, _, domain = address_key.rpartition("@")
    name = local.partition("+")[0]
    if domain in _DOTLESS:
        return f"{name.replace('.', '')}@gmail.com"
    return f"{name}@{domain}"


def _count(session: Session, scope: str, seconds: int | None) -> int:
    """Count one more in the present window of so many seconds; None is for ever."""
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
