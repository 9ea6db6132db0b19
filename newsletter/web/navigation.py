"""The signed-in pages' navigation: one line a page, shown to whoever may open it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.accounts.permissions import Permission
from newsletter.i18n.messages import Message, msg, pmsg
from newsletter.web.access import Requires, Visit

#: What of a newsletter's pages lies elsewhere than with its issues.
_ELSEWHERE = re.compile(
    r"/newsletters/[^/]+(/mailings|/series|/digests|/subscribers|/segments)(?:[/.]|$)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MenuEntry:
    """A place to go to, with the guard of its page."""

    path: str
    name: Message
    guard: Requires


_OVERALL = Requires(Permission.ADMINISTER, everywhere=True)
ENTRIES = (
    MenuEntry(path="/home", name=msg("Home"), guard=Requires()),
    MenuEntry(path="/newsletters", name=pmsg("menu", "Issues"), guard=Requires(Permission.WRITE)),
    MenuEntry(path="/mailings", name=msg("Mailings"), guard=Requires(Permission.SEE_MAILINGS)),
    MenuEntry(
        path="/subscribers", name=msg("Subscribers"), guard=Requires(Permission.SEE_SUBSCRIBERS)
    ),
    MenuEntry(
        path="/bounces", name=pmsg("menu", "Bounces"), guard=Requires(Permission.SEE_BOUNCES)
    ),
    MenuEntry(path="/operate", name=msg("Operations"), guard=Requires(Permission.OPERATE)),
    MenuEntry(
        path="/accounts",
        name=pmsg("accounts", "People"),
        guard=_OVERALL,
    ),
    MenuEntry(path="/audit", name=msg("Audit log"), guard=_OVERALL),
)


def entries_for(visit: Visit) -> list[MenuEntry]:
    """Return what a visit's roles let it open."""
    return [entry for entry in ENTRIES if entry.guard.allows(visit.rights)]


def is_current(entry: MenuEntry, path: str) -> bool:
    """Return whether a path lies within an entry; all of a newsletter's pages begin alike."""
    match = _ELSEWHERE.match(path)
    place = match[1] if match else path
    place = {"/segments": "/subscribers", "/series": "/mailings", "/digests": "/mailings"}.get(
        place, place
    )
    return place == entry.path or place.startswith(f"{entry.path}/")
