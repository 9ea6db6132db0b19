"""On which databases a test runs."""

from __future__ import annotations

import pytest

from tests.support.soak import SOAK

_BOTH = ["sqlite", "postgresql"]
#: Pages are tried on SQLite: what they call is tested on both below them, and those tests of pages
#: that alone come to a statement are marked ``each_database``. All of them on both with SOAK=1.
OF_PAGES = _BOTH if SOAK else _BOTH[:1]

each_database = pytest.mark.parametrize("database_url", _BOTH, indirect=True)


def on_one_database(name: str) -> pytest.MarkDecorator:
    """Run a test on one database; with SOAK=1 on both.

    For what takes long and of which another test tries the like on the other database: each of its
    statements is one that others send to both.
    """
    return pytest.mark.parametrize("database_url", _BOTH if SOAK else [name], indirect=True)
