"""Stored problems of uploaded lists, and deletion of lists that contain an address."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from html import escape

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.orm import Session

from newsletter.database.engine import reading
from newsletter.database.states import moving_lists
from newsletter.database.tables import (
    ListPieceRow,
    ListProblemsRow,
    ListUploadRow,
)
from newsletter.database.vocabulary import ListUploadState
from newsletter.i18n.language import Language
from newsletter.i18n.messages import dump_message, load_message, msg
from subscribers.lists.exports.exports import problem_writer
from subscribers.lists.imports.uploads import ListUpload, forget_pieces
from subscribers.lists.records import Problem


def keep_problems(
    connection: Connection, upload_id: int, records: int, problems: Sequence[Problem]
) -> None:
    """Store the problems of a chunk in the chunk's transaction.

    Args:
        connection: The connection of the chunk.
        upload_id: The id of the list.
        records: The number of finished records, including this chunk.
        problems: The problems in the order of the lines.
    """
    lines = [
        (one.line, one.field, one.value, dump_message(one.problem), one.address) for one in problems
    ]
    if lines:
        values = {"upload_id": upload_id, "number": records, "problems": _deflated(lines)}
        connection.execute(insert(ListProblemsRow).values(values))


def problem_lines(engine: Engine, upload: ListUpload, language: Language) -> Iterator[str]:
    """Yield the problems of a list as lines of CSV, the header first."""
    text = io.StringIO()
    write = problem_writer(text, language)
    last = -1
    while True:
        with reading(engine) as session:
            row = session.scalar(
                select(ListProblemsRow)
                .where(ListProblemsRow.upload_id == upload.id, ListProblemsRow.number > last)
                .order_by(ListProblemsRow.number)
                .limit(1)
            )
        for line, name, value, problem, _ in (
            json.loads(zlib.decompress(row.problems)) if row else ()
        ):
            write(Problem(line=line, field=name, value=value, problem=load_message(problem)))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        if row is None:
            return
        last = row.number


def _deflated(lines: Sequence[object]) -> bytes:
    return zlib.compress(json.dumps(lines, ensure_ascii=False).encode(), 1)


def forget_address(session: Session, addresses: Iterable[str]) -> None:
    """Delete the lists that contain one of these addresses, and the problems with them.

    Such a list was not, or not completely, imported, and must be uploaded again.
    """
    octets = tuple(address.lower().encode() for address in addresses)
    # In HTML pages, which are also the stored form of workbooks, characters may be escaped.
    written = {form for one in octets for form in (one.decode(), escape(one.decode()))}
    forms = {form for one in written for form in (one.encode(), one.encode("utf-16-le"))}
    kept = select(ListUploadRow.id).where(ListUploadRow.pieces > 0)
    for upload_id in session.scalars(kept).all():
        if _holds(session, upload_id, forms):
            why = msg("The list was removed, as it held the address of somebody who was erased.")
            session.execute(
                moving_lists(ListUploadState.FAILED)
                .where(ListUploadRow.id == upload_id)
                .values(error=dump_message(why))
            )
            forget_pieces(session, upload_id)
    for row in session.scalars(select(ListProblemsRow)):
        lines = json.loads(zlib.decompress(row.problems))
        clear = [one for one in lines if not any(form in _folded(one) for form in octets)]
        if len(clear) < len(lines):
            row.problems = _deflated(clear)
    session.flush()


def _holds(session: Session, upload_id: int, forms: Collection[bytes]) -> bool:
    longest = max(map(len, forms))
    rest = b""
    pieces = (
        select(ListPieceRow.octets)
        .where(ListPieceRow.upload_id == upload_id)
        .order_by(ListPieceRow.number)
        .execution_options(yield_per=1)
    )
    with closing(session.scalars(pieces)) as found:
        for octets in found:
            text = rest + zlib.decompress(octets).lower()
            if any(form in text for form in forms):
                return True
            rest = text[-longest:]
    return False


def _folded(line: Sequence[object]) -> bytes:
    return json.dumps(line, ensure_ascii=False).lower().encode()
