"""Isolation of the steps of periodic work: a failure is logged, and the next step runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from newsletter.database.engine import AWAY, is_damaged, reason_of

_log = logging.getLogger(__name__)


@contextmanager
def isolated(what: str) -> Iterator[None]:
    """Log errors in the step ``what`` and continue; a lost database connection is raised."""
    try:
        yield
    except AWAY as error:
        if not is_damaged(error):
            raise
        _log.error("%s failed; everything else goes on: %s", what, reason_of(error))
    except Exception:  # noqa: BLE001 - no failure of one step may prevent the other steps
        _log.exception("%s failed; everything else goes on", what)
