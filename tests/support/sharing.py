"""Which tests one of pytest-xdist's processes runs together."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

#: Folders and files whose tests share a server that takes seconds to start; all others go, one by
#: one, to whichever process is free.
_TOGETHER = ("tests/stories", "tests/faults/test_relay.py")


class SharedServers(LoadScopeScheduling):  # type: ignore[misc]
    """Gives tests out one by one in their order, and those that share a server at once."""

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        return next((one for one in _TOGETHER if path.is_relative_to(one)), nodeid)
