"""Isolates the steps of periodic work: what fails is logged, and the next step runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from newsletter.database.engine import AWAY, reason_of
from newsletter.database.refusals import is_damaged

_log = logging.getLogger(__name__)


@contextmanager
def isolated(what: str) -> Iterator[None]:
    """Log what goes wrong with ``what`` and go on; a database that is away ends everything."""
    try:
        yield
    except AWAY as error:
        if not is_damaged(error):
            raise
        _log.error("%s failed; everything else goes on: %s", what, reason_of(error))
    except Exception:  # noqa: BLE001 - the point of it: whatever fails must not hold up the rest
        _log.exception("%s failed; everything else goes on", what)
