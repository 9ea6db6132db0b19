"""A list's file to records, whichever form it is in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

from subscribers.lists.columns import is_header
from subscribers.lists.files import Record, csv_records, is_json, json_records, text_lines


def list_records(
    stream: BinaryIO, *, file_name: str, source: str, chosen: Collection[str] = ()
) -> Iterator[Record]:
    """Yield a list's records; ``chosen`` names columns by which its header is known, too.

    Raises:
        ListError: It cannot be read.
    """
    lines = text_lines(stream, source=source)
    if is_json(file_name):
        return json_records(lines, source=source)

    def knows(names: Sequence[str]) -> bool:
        return (bool(chosen) and set(chosen) <= set(names)) or is_header(names)

    return csv_records(lines, source=source, is_header=knows)
