"""Files that a command is given, read no further than what may be in them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from newsletter.errors import ContentError, Place
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size

if TYPE_CHECKING:
    from pathlib import Path


def read_octets(file: Path, *, limit: int) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        ContentError: It cannot be opened, or has more than ``limit`` octets.
    """
    place = Place(source=str(file))
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(limit + 1)
    except OSError as error:
        raise ContentError(
            msg("The file cannot be opened: {reason}.", reason=error.strerror), place=place
        ) from None
    if len(data) > limit:
        raise ContentError(msg("The file is larger than {limit}.", limit=Size(limit)), place=place)
    return data
