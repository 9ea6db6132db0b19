"""What comes next is made while the last is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from subscribers.lists.read_ahead import ReadAhead, read_ahead

_SECONDS = 10


def test_the_next_item_is_made_from_when_it_is_begun() -> None:
    begun = Event()

    def items() -> Iterator[int]:
        yield 1
        begun.set()
        yield 2

    with closing(ReadAhead(items())) as ahead:
        assert next(ahead) == 1
        assert not begun.is_set()
        ahead.begin()
        assert begun.wait(_SECONDS)
        assert list(ahead) == [2]


def test_an_item_that_cannot_be_made_is_raised_where_it_is_asked_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    pages = read_ahead(items())
    assert next(pages) == 1
    with pytest.raises(ValueError, match="broken"):
        next(pages)
