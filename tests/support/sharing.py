"""Which tests one of pytest-xdist's processes runs, and which of them together."""

from __future__ import annotations

from itertools import islice
from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from tests.support.tiers import waits

#: Folders and files whose tests share a server that takes seconds to start; all others, but for the
#: next ones, go to whichever process is free, one by one.
_TOGETHER = ("tests/stories", "tests/faults/test_relay.py")
#: Where the tests of one file share what takes seconds: pages that are served, all that is read.
_BY_FILE = (
    *("tests/bounces/test_samples.py", "tests/i18n/test_catalogues.py"),
    *("tests/web/hardening", "tests/web/feedback/test_webhooks.py", "tests/web/test_sweep.py"),
    *(f"tests/web/issues/test_{name}.py" for name in ("mail_editor", "paste", "surface")),
)


class SharedServers(LoadScopeScheduling):  # type: ignore[misc]
    """Gives tests out one by one in their order, and those that share a server at once.

    The first process begins with those that wait and leave their core idle, while the others keep
    both cores busy with the rest.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        if any(map(path.is_relative_to, _BY_FILE)):
            return str(path)
        return next((one for one in _TOGETHER if path.is_relative_to(one)), nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        # Those that wait come first in order (tests/support/tiers.py).
        if node is not self.nodes[0]:
            others = (scope for scope in self.workqueue if not waits(scope))
            for scope in islice(others, 1):
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        super().mark_test_complete(node, item_index, duration)
        scope = self._split_scope(self.registered_collections[node][item_index])
        work = self.assigned_work[node]
        if all(work[scope].values()):
            # All that lies here is counted anew whenever a process says something.
            del work[scope]
