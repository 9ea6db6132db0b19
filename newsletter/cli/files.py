"""Files of commands: reading with a limit of size, and atomic writing."""

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
        ContentError: The file cannot be opened or read.
    """
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise _unreadable(file, error) from None


def read_octets(file: Path, *, limit: int) -> bytes:
    """Return the content of a file, or of standard input for ``-``.

    Raises:
        ContentError: The file cannot be read, or has more than ``limit`` octets.
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
    """Return the text of a UTF-8 file, or of standard input for ``-``.

    Raises:
        ContentError: The file cannot be read, is not UTF-8, or has more than ``limit`` octets.
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
    """Open a text file to append lines.

    Raises:
        ContentError: The file cannot be written.
    """
    try:
        with file.open("a", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise _unwritable(file, error) from None


@contextmanager
def writing(file: Path, *, new: bool = False) -> Iterator[IO[bytes]]:
    """Write a file atomically: an existing file is replaced at the end of the block.

    Args:
        file: The path; devices and pipes are written to directly.
        new: Whether the file must not exist yet.

    Raises:
        ConflictError: The file exists, and ``new`` is set.
        ContentError: The file cannot be written.
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
    """Open a temporary file next to the target, with the target's permissions."""
    from tempfile import NamedTemporaryFile

    if target.exists():
        # A write-protected target must not be replaced either.
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
    """Write a file atomically.

    Raises:
        ConflictError: The file exists, and ``new`` is set.
        ContentError: The file cannot be written.
    """
    with writing(file, new=new) as stream:
        stream.write(data)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write several files into a folder, which is created if needed; all of them or none.

    Raises:
        ContentError: The folder cannot be created, or a file cannot be written.
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
