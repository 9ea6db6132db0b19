"""The signed-in pages' navigation: one line a page, shown to whoever may open it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.accounts.permissions import Permission
from newsletter.web.access import Visit

#: What of a newsletter's pages lies elsewhere than with its issues.
_ELSEWHERE = re.compile(r"/newsletters/[^/]+(/mailings|/subscribers)(?:[/.]|$)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A place to go to; ``permission`` None is for everybody."""

    path: str
    ja: str
    en: str
    permission: Permission | None = None


ENTRIES = (
    Entry(path="/home", ja="ホーム", en="Home"),
    Entry(path="/newsletters", ja="号の編集", en="Issues", permission=Permission.WRITE),
    Entry(path="/mailings", ja="配信", en="Mailings", permission=Permission.SEE_MAILINGS),
    Entry(
        path="/subscribers", ja="購読者", en="Subscribers", permission=Permission.SEE_SUBSCRIBERS
    ),
    Entry(path="/bounces", ja="不達と苦情", en="Bounces", permission=Permission.SEE_BOUNCES),
    Entry(path="/operate", ja="運用", en="Operations", permission=Permission.OPERATE),
    Entry(path="/accounts", ja="利用者", en="People", permission=Permission.ADMINISTER),
    Entry(path="/audit", ja="操作記録", en="Audit log", permission=Permission.ADMINISTER),
)


def entries_for(visit: Visit) -> list[Entry]:
    """Return what a visit's roles let it open."""
    return [
        entry for entry in ENTRIES if entry.permission is None or visit.rights.may(entry.permission)
    ]


def is_current(entry: Entry, path: str) -> bool:
    """Return whether a path lies within an entry; all of a newsletter's pages begin alike."""
    found = _ELSEWHERE.match(path)
    place = found[1] if found else path
    return place == entry.path or place.startswith(f"{entry.path}/")
