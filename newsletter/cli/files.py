"""Files that a command is given, read no further than what may be in them, or writes, whole."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.errors import ConflictError, ContentError, Place, system_reason
from newsletter.i18n.messages import msg
from newsletter.i18n.values import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedReader
    from typing import IO, TextIO


@contextmanager
def opened_file(file: Path) -> Iterator[BufferedReader]:
    """Open a file to read it.

    Raises:
        ContentError: It cannot be opened or read.
    """
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise _unreadable(file, error) from None


def read_octets(file: Path, *, limit: int) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        ContentError: It cannot be read, or has more than ``limit`` octets.
    """
    if str(file) == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        with opened_file(file) as stream:
            data = stream.read(limit + 1)
    if len(data) > limit:
        raise ContentError(
            msg("The file is larger than {limit}.", limit=Size(limit)),
            place=Place(source=str(file)),
        )
    return data


def read_text(file: Path, *, limit: int) -> str:
    """Read a file of UTF-8, or standard input for ``-``.

    Raises:
        ContentError: It cannot be read, is not UTF-8, or has more than ``limit`` octets.
    """
    try:
        return read_octets(file, limit=limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(
            msg("The file is not UTF-8 text."),
            place=Place(source=str(file), line=error.object.count(b"\n", 0, error.start) + 1),
            remedy=msg("Save it as UTF-8."),
        ) from None


@contextmanager
def appending(file: Path) -> Iterator[TextIO]:
    """Open a file of text to write lines at its end.

    Raises:
        ContentError: It cannot be written.
    """
    try:
        with file.open("a", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise _unwritable(file, error) from None


@contextmanager
def writing(file: Path, *, new: bool = False) -> Iterator[IO[bytes]]:
    """Write a file whole or not at all: what is there of its name stays until the end.

    Args:
        file: Its path; a device or a pipe is written to as it is.
        new: Whether nothing may be there of its name yet.

    Raises:
        ConflictError: It is there, and was to be new.
        ContentError: It cannot be written.
    """
    target = file.resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                yield stream
            return
        with _draft_of(target) as stream:
            yield stream
            stream.flush()
            if new:
                target.hardlink_to(stream.name)
            else:
                Path(stream.name).replace(target)
    except FileExistsError:
        raise ConflictError(
            msg("The file exists already."),
            place=Place(source=str(file)),
            remedy=msg("Choose another name."),
        ) from None
    except OSError as error:
        raise _unwritable(file, error) from None


@contextmanager
def _draft_of(target: Path) -> Iterator[IO[bytes]]:
    """Open a file beside one, with the rights of the earlier one; it is gone in the end."""
    from tempfile import NamedTemporaryFile

    if target.exists():
        # What its owner protected is not replaced either.
        target.open("ab").close()
    with NamedTemporaryFile(dir=target.parent, prefix=".newsletter-", delete=False) as stream:
        draft = Path(stream.name)
        try:
            if target.exists():
                draft.chmod(target.stat().st_mode & 0o777)
            yield stream
        finally:
            draft.unlink(missing_ok=True)


def write_octets(file: Path, data: bytes, *, new: bool = False) -> None:
    """Write a file whole or not at all.

    Raises:
        ConflictError: It is there, and was to be new.
        ContentError: It cannot be written.
    """
    with writing(file, new=new) as stream:
        stream.write(data)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write several files into a folder, which is made if it is missing; all of them or none.

    Raises:
        ContentError: The folder cannot be made, or a file not written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with ExitStack() as stack:
        for name, octets in files.items():
            stream = stack.enter_context(writing(folder / name))
            stream.write(octets)
            stream.flush()


def _unreadable(file: Path, error: OSError) -> ContentError:
    return ContentError(
        msg("The file cannot be read: {reason}.", reason=system_reason(error)),
        place=Place(source=str(file)),
        remedy=msg("Check the path and its permissions."),
    )


def _unwritable(path: Path, error: OSError) -> ContentError:
    return ContentError(
        msg("It cannot be written: {reason}.", reason=system_reason(error)),
        place=Place(source=str(path)),
        remedy=msg("Choose another path, or correct its permissions or the space on its disk."),
    )
