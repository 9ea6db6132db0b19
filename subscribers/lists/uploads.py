"""Lists brought in by a browser: kept on disk until they are imported, their report a week longer.

Whoever imports one holds a lock on it, which the kernel drops with the process: a list that is
neither locked nor done was cut short, and goes on from its checkpoint.
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from shutil import rmtree

from sqlalchemy import Engine, select

from newsletter.database.engine import reading
from newsletter.database.tables import ListImportRow
from newsletter.errors import ListError, NewsletterError, NotFoundError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.stored import dump_message, load_message
from newsletter.i18n.values import Size
from newsletter.tokens import Pseudonyms
from subscribers.lists.columns import guess_columns, list_records
from subscribers.lists.exports import problem_writer
from subscribers.lists.files import Record, digest_of, is_json
from subscribers.lists.formats import recognise
from subscribers.lists.imports import Counts, ImportOptions, ImportReport, import_records

#: Octets; a million subscribers with a few columns take about 60 MB.
LARGEST = 500_000_000
#: Of a longer list, a trial looks at the beginning alone.
TRIED = 20_000
_GLANCE = 5
_SEARCHED = 1 << 20
_KEPT_SECONDS = 7 * 86_400
_TOKEN = re.compile(r"[\w-]{22}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportTerms:
    """How a list is to be taken; see `ImportOptions`."""

    basis: str
    wording: str = ""
    tags: tuple[str, ...] = ()
    update: bool = False
    keep_others: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A list as it was brought.

    Attributes:
        name: The file's own name, for people.
        lines: How many it has, the header too.
        terms: None until it is to be imported; ``digest`` then names its checkpoint.
        error: Why it could not be imported to its end.
    """

    token: str
    folder: Path
    newsletter_id: int
    name: str
    lines: int
    terms: ImportTerms | None = None
    digest: str = ""
    error: Message | None = None

    @property
    def is_there(self) -> bool:
        """Whether the list itself is still kept."""
        return self._list.exists()

    @property
    def headings(self) -> int:
        """How many of its lines are no row."""
        return 0 if is_json(self.name) else 1

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return max(self.lines - self.headings, 0)

    @property
    def report(self) -> Path:
        """Its problems as CSV, row by row."""
        return self.folder / "problems.csv"

    @property
    def _list(self) -> Path:
        return self.folder / "list"

    @contextmanager
    def records(self) -> Iterator[Iterator[Record]]:
        """Open its records.

        Raises:
            ListError: It cannot be read.
        """
        with self._list.open("rb") as stream:
            yield list_records(stream, file_name=self.name, source=self.name)

    def save(self) -> None:
        """Write down what is known of it, at once or not at all."""
        known = asdict(replace(self, error=None)) | {
            "folder": "",
            "token": "",
            "error": dump_message(self.error) if self.error else "",
        }
        draft = self.folder / "upload.draft"
        draft.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
        draft.replace(self.folder / "upload.json")

    def forget_list(self) -> None:
        """Remove the list itself, which holds people's addresses."""
        self._list.unlink(missing_ok=True)


def keep_upload(folder: Path, chunks: Iterable[bytes], *, name: str, newsletter_id: int) -> Upload:
    """Keep a list that somebody brings.

    Raises:
        ListError: It is empty or too large.
    """
    forget_old(folder)
    token = secrets.token_urlsafe(16)
    own = folder / token
    own.mkdir(parents=True, mode=0o700)
    try:
        lines = _write_down(own / "list", chunks)
    except BaseException:
        rmtree(own, ignore_errors=True)
        raise
    shown = "".join(filter(str.isprintable, name))[-100:] or "list.csv"
    upload = Upload(token=token, folder=own, newsletter_id=newsletter_id, name=shown, lines=lines)
    upload.save()
    return upload


def _write_down(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a list; return how many lines it has."""
    size, lines, returns = 0, 0, 0
    with path.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            lines += chunk.count(b"\n")
            returns += chunk.count(b"\r")
            if size > LARGEST:
                raise ListError(
                    msg("The list is larger than {size}.", size=Size(LARGEST)),
                    remedy=msg("Import it with: newsletter subscriber import."),
                )
            file.write(chunk)
    if not size:
        raise ListError(msg("The list is empty."), remedy=msg("Choose a file."))
    return lines or returns


def forget_address(folder: Path, addresses: Iterable[str]) -> None:
    """Remove the lists that hold one of these addresses, and their lines from the reports.

    Such a list was brought and not, or not wholly, imported: it must be brought again.
    """
    octets = tuple(address.lower().encode() for address in addresses)
    forms = {form for one in octets for form in (one, one.decode().encode("utf-16-le"))}
    for own in folder.iterdir() if folder.is_dir() else ():
        kept, report = own / "list", own / "problems.csv"
        if kept.is_file() and _holds(kept, forms):
            kept.unlink(missing_ok=True)
        if report.is_file() and _holds(report, forms):
            lines = report.read_bytes().splitlines(keepends=True)
            draft = own / "problems.draft"
            clear = (line for line in lines if not any(one in line.lower() for one in octets))
            draft.write_bytes(b"".join(clear))
            draft.replace(report)


def _holds(path: Path, forms: Collection[bytes]) -> bool:
    longest = max(map(len, forms))
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_SEARCHED):
            text = rest + chunk.lower()
            if any(form in text for form in forms):
                return True
            rest = text[-longest:]
    return False


def forget_old(folder: Path) -> None:
    """Remove what was brought more than a week ago, lists and reports."""
    for own in folder.iterdir() if folder.is_dir() else ():
        if time.time() - own.stat().st_mtime > _KEPT_SECONDS:
            rmtree(own, ignore_errors=True)


def find_upload(folder: Path, token: str, newsletter_id: int) -> Upload:
    """Return a list that was brought for a newsletter.

    Raises:
        NotFoundError: There is none, or no longer.
    """
    own = folder / token
    if not _TOKEN.fullmatch(token) or not (own / "upload.json").is_file():
        raise NotFoundError(msg("This list no longer exists."))
    known = json.loads((own / "upload.json").read_text(encoding="utf-8"))
    terms = known.pop("terms")
    if terms is not None:
        terms = ImportTerms(**terms | {"tags": tuple(terms["tags"])})
    error = load_message(known["error"]) if known["error"] else None
    found = Upload(**known | {"folder": own, "token": token, "terms": terms, "error": error})
    if found.newsletter_id != newsletter_id:
        raise NotFoundError(msg("This list no longer exists."))
    return found


def order_import(upload: Upload, terms: ImportTerms) -> Upload:
    """Write down how a list is to be imported; the same list in the same way has one checkpoint."""
    with (upload.folder / "list").open("rb") as stream:
        digest = digest_of(stream, json.dumps(asdict(terms), sort_keys=True))
    ordered = replace(upload, terms=terms, digest=digest, error=None)
    ordered.save()
    return ordered


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """A list's beginning.

    Attributes:
        columns: What each column is taken for; empty for nothing.
        system: The system whose export it is; empty when that was not recognised.
    """

    columns: Mapping[str, str]
    rows: Sequence[Sequence[str]]
    system: str = ""


def look_into(upload: Upload) -> Glance:
    """Look at the first rows.

    Raises:
        ListError: It cannot be read.
    """
    with upload.records() as records:
        first = list(islice(records, _GLANCE + 1))
    names = [name for name in dict.fromkeys(n for record in first for n in record.values) if name]
    found = guess_columns(names)
    known = recognise(names)
    rows = [
        ["" if (value := record.values.get(name)) is None else str(value) for name in names]
        for record in first
        if not record.header
    ]
    return Glance(
        columns={name: found.get(name, "") for name in names},
        rows=rows,
        system=known.name if known else "",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What would become of a list, or of its beginning."""

    report: ImportReport
    whole: bool


def try_upload(
    engine: Engine,
    upload: Upload,
    terms: ImportTerms,
    *,
    language: Language,
    pseudonyms: Pseudonyms,
) -> Trial:
    """Do all but keep it.

    Raises:
        ListError: It cannot be read, or has no column of addresses.
    """
    options = _options(upload, terms, language, pseudonyms)
    with upload.records() as records:
        begun = islice(records, TRIED + 1)
        report = import_records(engine, upload.newsletter_id, begun, replace(options, dry_run=True))
        whole = next(records, None) is None
    return Trial(report=report, whole=whole)


def import_upload(
    engine: Engine, upload: Upload, *, language: Language, pseudonyms: Pseudonyms
) -> None:
    """Import a list by its terms, from where it was cut short; does nothing while another does."""
    if upload.terms is None:
        return
    with _alone(upload) as is_alone:
        if not is_alone or not upload.is_there:
            return
        options = _options(upload, upload.terms, language, pseudonyms)
        options = replace(options, digest=upload.digest)
        try:
            with (
                upload.report.open("a", encoding="utf-8", newline="") as report,
                upload.records() as records,
            ):
                import_records(
                    engine,
                    upload.newsletter_id,
                    records,
                    options,
                    on_problem=problem_writer(report, language),
                )
        except NewsletterError as error:
            replace(upload, error=error.whole).save()
            return
        upload.forget_list()


def _options(
    upload: Upload, terms: ImportTerms, language: Language, pseudonyms: Pseudonyms
) -> ImportOptions:
    return ImportOptions(
        source=upload.name,
        file_name=upload.name,
        basis=terms.basis,
        wording=terms.wording,
        language=language,
        columns=terms.columns,
        keep_others=terms.keep_others,
        update=terms.update,
        tags=terms.tags,
        pseudonyms=pseudonyms,
    )


@contextmanager
def _alone(upload: Upload) -> Iterator[bool]:
    with (upload.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far an import has come.

    Attributes:
        running: Whether a process is at it now.
        counts: What became of the rows so far, by the names of `Counts`.
    """

    running: bool
    finished: bool
    rows: int
    counts: Mapping[str, int]


def progress_of(engine: Engine, upload: Upload) -> Progress:
    """Return how far a list's import has come."""
    with _alone(upload) as is_alone:
        running = not is_alone
    with reading(engine) as session:
        row = session.scalar(
            select(ListImportRow).where(
                ListImportRow.newsletter_id == upload.newsletter_id,
                ListImportRow.digest == upload.digest,
            )
        )
    # Nothing is counted before the first rows, and older imports counted less.
    counts = asdict(Counts()) | (dict(row.counts) if row is not None else {})
    return Progress(
        running=running,
        finished=not upload.is_there and upload.terms is not None,
        rows=max(row.records - upload.headings, 0) if row is not None else 0,
        counts=counts,
    )
