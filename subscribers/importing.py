"""Lists in: CSV streamed in chunks, each row judged by itself, running it again does no harm."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from newsletter.database.engine import transaction
from newsletter.database.tables import SubscriberRow, SubscriptionRow, SuppressionRow
from newsletter.database.types import now
from newsletter.database.vocabulary import SubscriptionState
from newsletter.errors import ListError, Place
from newsletter.language import Language
from subscribers.addresses import Address, parse_address

_CHUNK = 1000
_COLUMNS = {
    "address": frozenset({"email", "address", "e-mail", "mail", "メール", "メールアドレス"}),
    "name": frozenset({"name", "名前", "氏名", "お名前"}),
    "language": frozenset({"language", "lang", "言語"}),
}
_NAME_LENGTH = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that was not taken; the header is line 1."""

    line: int
    address: str
    reason: str


@dataclass(kw_only=True, slots=True)
class ImportReport:
    """What became of the rows."""

    added: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    line: int
    address: Address
    name: str
    language: Language


def import_csv(
    engine: Engine,
    newsletter_id: int,
    lines: Iterable[str],
    *,
    source: str,
    basis: str,
    language: Language = Language.JAPANESE,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _rows: None,
) -> ImportReport:
    """Import people who have consented, on the ground that ``basis`` names.

    Rows commit in chunks: an import cut short is finished by running it again. Somebody who left
    stays away, and an address that is suppressed is refused.

    Raises:
        ListError: The list has no column of addresses, or no basis is given.
    """
    if not basis.strip():
        raise ListError("An import needs the basis of consent.", remedy="Name it with --basis.")
    report = ImportReport()
    entries = _entries(lines, source, language, report)
    while chunk := tuple(islice(entries, _CHUNK)):
        with transaction(engine) as session:
            _import_chunk(session, newsletter_id, chunk, report, basis=basis, source=source)
            if dry_run:
                session.rollback()
        progress(len(chunk))
    return report


def _entries(
    lines: Iterable[str], source: str, language: Language, report: ImportReport
) -> Iterator[_Entry]:
    reader = csv.reader(_without_bom(lines))
    try:
        columns = _columns(next(reader, []), source)
        for row in reader:
            if any(cell.strip() for cell in row):
                entry = _entry(row, reader.line_num, columns, language, report)
                if entry is not None:
                    yield entry
    except csv.Error as error:
        raise ListError(f"{error}.", place=Place(source=source, line=reader.line_num)) from None


def _without_bom(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _columns(header: Sequence[str], source: str) -> dict[str, int]:
    names = [cell.strip().lower() for cell in header]
    found = {
        column: index
        for column, spellings in _COLUMNS.items()
        for index, name in enumerate(names)
        if name in spellings
    }
    if "address" not in found:
        raise ListError(
            "The list has no column of addresses.",
            place=Place(source=source, line=1),
            remedy="Name it email or メールアドレス in the first line.",
        )
    return found


def _entry(
    row: Sequence[str],
    line: int,
    columns: dict[str, int],
    language: Language,
    report: ImportReport,
) -> _Entry | None:
    def cell(column: str) -> str:
        index = columns.get(column, len(row))
        return row[index].strip() if index < len(row) else ""

    try:
        address = parse_address(cell("address"))
        if any(not character.isprintable() for character in cell("name")):
            raise ListError("The name holds a control character.")  # noqa: TRY301 - one way to refuse
        spoken = Language(cell("language").lower()) if cell("language") else language
    except ListError as error:
        report.refused.append(Refusal(line=line, address=cell("address"), reason=error.what))
        return None
    except ValueError:
        reason = f"{cell('language')!r} is no language known here (ja, en)."
        report.refused.append(Refusal(line=line, address=cell("address"), reason=reason))
        return None
    return _Entry(line=line, address=address, name=cell("name")[:_NAME_LENGTH], language=spoken)


def _import_chunk(
    session: Session,
    newsletter_id: int,
    chunk: Sequence[_Entry],
    report: ImportReport,
    *,
    basis: str,
    source: str,
) -> None:
    by_key = {entry.address.key: entry for entry in chunk}
    report.unchanged += len(chunk) - len(by_key)
    keys = list(by_key)
    suppressed = set(
        session.scalars(
            select(SuppressionRow.address_key).where(
                SuppressionRow.address_key.in_(keys),
                SuppressionRow.newsletter_id.is_(None)
                | (SuppressionRow.newsletter_id == newsletter_id),
            )
        )
    )
    for entry in by_key.values():
        if entry.address.key in suppressed:
            report.refused.append(
                Refusal(line=entry.line, address=entry.address.address, reason="It is suppressed.")
            )
    wanted = [entry for entry in by_key.values() if entry.address.key not in suppressed]
    ids = _insert_missing_people(session, wanted)
    states: dict[int, SubscriptionState] = dict(
        session.execute(
            select(SubscriptionRow.subscriber_id, SubscriptionRow.state).where(
                SubscriptionRow.newsletter_id == newsletter_id,
                SubscriptionRow.subscriber_id.in_(ids.values()),
            )
        ).all()
    )
    moment = now()
    fresh = []
    for entry in wanted:
        subscriber_id = ids[entry.address.key]
        match states.get(subscriber_id):
            case None:
                fresh.append(subscriber_id)
            case SubscriptionState.UNSUBSCRIBED:
                reason = "This person left; only their own new consent brings them back."
                report.refused.append(
                    Refusal(line=entry.line, address=entry.address.address, reason=reason)
                )
            case _:
                report.unchanged += 1
    if fresh:
        session.execute(
            insert(SubscriptionRow),
            [
                {
                    "newsletter_id": newsletter_id,
                    "subscriber_id": subscriber_id,
                    "state": SubscriptionState.CONFIRMED,
                    "consent_basis": basis,
                    "consent_source": source,
                    "consented_at": moment,
                    "confirmed_at": moment,
                }
                for subscriber_id in fresh
            ],
        )
    report.added += len(fresh)


def _insert_missing_people(session: Session, entries: Sequence[_Entry]) -> dict[str, int]:
    """Return the ids by key, adding who is not known yet."""
    ids = _ids(session, entries)
    missing = [entry for entry in entries if entry.address.key not in ids]
    if missing:
        session.execute(
            insert(SubscriberRow),
            [
                {
                    "address": entry.address.address,
                    "address_key": entry.address.key,
                    "domain": entry.address.domain,
                    "name": entry.name,
                    "language": entry.language,
                }
                for entry in missing
            ],
        )
        ids |= _ids(session, missing)
    return ids


def _ids(session: Session, entries: Sequence[_Entry]) -> dict[str, int]:
    keys = [entry.address.key for entry in entries]
    rows = session.execute(
        select(SubscriberRow.address_key, SubscriberRow.id).where(
            SubscriberRow.address_key.in_(keys)
        )
    )
    return {key: number for key, number in rows if key is not None}
