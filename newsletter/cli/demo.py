"""The demo, which runs everything on this machine and sends no mail anywhere else."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from sqlalchemy import Engine

from newsletter.accounts.actors import find_actor
from newsletter.accounts.audit_actions import Action
from newsletter.accounts.invitations import first_link
from newsletter.cli.console import console, errors, print_error, print_json, progress_bar
from newsletter.cli.embedded import Supervisor, find_ports, supervised, valkey_url
from newsletter.cli.language import gettext as _
from newsletter.cli.language import ngettext, styled
from newsletter.cli.mailing_progress import as_json, show, watch_mailing
from newsletter.cli.state import open_database
from newsletter.database.engine import reading, transaction
from newsletter.database.vocabulary import Visibility
from newsletter.errors import ConflictError, ExitCode, NewsletterError
from newsletter.i18n.language import Language
from newsletter.i18n.messages import Message, msg
from newsletter.issues.sources.reading import read_issue
from newsletter.issues.store import default_slug, find_issue, list_issues, save_issue
from newsletter.mailbox.store import MailboxStore
from newsletter.mailings.approvals.content import content_digest
from newsletter.mailings.archive import list_publications
from newsletter.mailings.orders.ordering import Order, place_order
from newsletter.mailings.orders.readiness import check_stored
from newsletter.newsletters.publications import (
    NewsletterDraft,
    create_newsletter,
    find_newsletter,
    number_of,
)
from newsletter.samples import sample_issue, sample_subscribers
from newsletter.settings import Settings, load_settings, read_only_file
from newsletter.tokens import new_token
from subscribers.lists.imports.imports import import_csv

FOLDER = Path("var/demo")
_PORT_BASE = 18_000
_SUBSCRIBERS = 1000
_DRAFT = NewsletterDraft(
    slug="machi-digital",
    name="まちのデジタル便り",
    from_name="まちのデジタル便り編集室",
    from_address="digest@machi-digital.example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3 例ビル4階",
    visibility=Visibility.PUBLIC,
)


def run_demo(*, once: bool, json: bool, port_base: int | None, fresh: bool) -> ExitCode:
    """Start all processes, send the sample issue, print the result, and run until Ctrl-C.

    Raises:
        ConflictError: Another demo is running in this folder.
        UnavailableError: A port is in use.
    """
    # Shells start background processes with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _alone():
        return _run_alone(once=once, json=json, port_base=port_base, fresh=fresh)


@contextmanager
def _alone() -> Iterator[None]:
    """Refuse a second demo in the same folder, which would delete the files of the first."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                msg("A demo is already running here; its files are in {folder}.", folder=FOLDER),
                remedy=msg(
                    "Stop it with Ctrl-C in its terminal, or run this one in another folder."
                ),
            ) from None
        yield


def _run_alone(*, once: bool, json: bool, port_base: int | None, fresh: bool) -> ExitCode:
    if fresh and FOLDER.exists():
        rmtree(FOLDER)
    FOLDER.mkdir(parents=True, exist_ok=True)
    ports = find_ports(3, base=port_base or _PORT_BASE, exact=port_base is not None)
    if port_base is None and ports[0] != _PORT_BASE:
        errors.print(
            _(
                "Ports from {base} are in use; using {first} to {last}.",
                base=_PORT_BASE,
                first=ports[0],
                last=ports[-1],
            )
        )
    env_file = _write_settings(*ports)
    read_only_file(env_file)
    settings = load_settings()
    engine = open_demo(settings)
    try:
        _fill(engine, quiet=json)
        if not json:
            errors.print(_("Starting Valkey, a mailbox, the web server, workers and beat …"))
        with supervised(FOLDER, {}, on_restart=_print_restart) as supervisor:
            _start(supervisor, settings, *ports[:2])
            summary = _send(engine, settings, supervisor, json=json)
            _tell(engine, settings, summary, env_file, json=json)
            if not once:
                _stay(supervisor)
    except KeyboardInterrupt:
        errors.print(_("Stopped; nothing is left running."))
        if once:
            return ExitCode.INCOMPLETE
        return ExitCode.OK
    if summary is None:
        return ExitCode.INCOMPLETE
    complete = summary["accepted"] == summary["planned"] == summary["received"]
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def open_demo(settings: Settings) -> Engine:
    """Open the demo's database.

    Raises:
        ConflictError: Another version made it; nobody needs to keep what it holds.
    """
    try:
        return open_database(settings)
    except ConflictError as error:
        raise ConflictError(
            error.message,
            remedy=msg(
                "Start the demo with --fresh (make demo ARGS=--fresh), which forgets what it kept."
            ),
        ) from None


def _start(supervisor: Supervisor, settings: Settings, web: int, smtp: int) -> None:
    supervisor.start_valkey(settings.redis_url)
    supervisor.start_mailbox(smtp, FOLDER / "mailbox.sqlite3")
    supervisor.start_web(web)
    supervisor.start_workers(settings.worker_processes)


def _send(
    engine: Engine, settings: Settings, supervisor: Supervisor, *, json: bool
) -> dict[str, Any] | None:
    """Send the issue; return its result and URLs.

    Return None if it cannot be sent because somebody changed the demo's newsletter, for example so
    that it requires approval.
    """
    store = MailboxStore(FOLDER / "mailbox.sqlite3")
    before = store.newest()
    try:
        mailing_id = _order(engine, settings)
    except NewsletterError as error:
        print_error(error)
        return None
    now = watch_mailing(engine, mailing_id, quiet=json, check=supervisor.check)
    if not json:
        show(now)
    with reading(engine) as session:
        newsletter = find_newsletter(session, _DRAFT.slug)
        published = list_publications(session, newsletter.id, limit=1)
    archive = f"{settings.public_url}/archive/{_DRAFT.slug}"
    return as_json(now) | {
        "received": store.count(after=before),
        "issue_url": f"{archive}/{published[0].slug}" if published else archive,
        "inbox_url": f"{settings.public_url}/inbox",
    }


def _order(engine: Engine, settings: Settings) -> int:
    """Order another mailing of the sample issue, regardless of other issues in this folder."""
    actor = find_actor(engine, None, Action.MAILING_ORDER)
    with reading(engine) as session:
        newsletter = find_newsletter(session, _DRAFT.slug)
        sample = read_issue(sample_issue(Language.JAPANESE), source="sample issue")
        issue = find_issue(session, newsletter.id, default_slug(sample.issue))
    preflight = check_stored(issue, newsletter, settings)
    order = Order(
        key=new_token(),
        digest=content_digest(newsletter, preflight.rendered) if preflight.rendered else "",
        with_warnings=True,
        again=True,
    )
    return place_order(
        engine,
        actor,
        issue,
        preflight,
        order,
        batch_size=settings.batch_size,
    )


def _write_settings(web: int, smtp: int, redis: int) -> Path:
    """Write separate settings for the demo, so that no real relay or mailbox is used."""
    folder = FOLDER.resolve()
    values = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'newsletter.sqlite3'}",
        "REDIS_URL": valkey_url(redis),
        "MAIL_TRANSPORTS": f"smtp://127.0.0.1:{smtp}",
        # All mail stays on this machine, so domains need not exist.
        "JOIN_ASK_DNS": "false",
        "MAILBOX_FILE": str(folder / "mailbox.sqlite3"),
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(web),
        "BATCH_SIZE": "100",
    }
    path = FOLDER / "env"
    path.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))
    return path


def _fill(engine: Engine, *, quiet: bool) -> None:
    """Add the sample issue and subscribers; people who unsubscribed stay unsubscribed."""
    with reading(engine) as session:
        newsletter_id = number_of(session, _DRAFT.slug)
    with transaction(engine) as session:
        if newsletter_id is None:
            newsletter_id = create_newsletter(session, _DRAFT).id
        read = read_issue(sample_issue(Language.JAPANESE), source="sample issue")
        # An issue that was changed in an earlier demo is kept.
        if default_slug(read.issue) not in {
            row.slug for row in list_issues(session, newsletter_id)
        }:
            save_issue(session, newsletter_id, read)
    with progress_bar(_("Importing"), quiet=quiet) as bar:
        task = bar.add_task("", total=_SUBSCRIBERS)
        import_csv(
            engine,
            newsletter_id,
            sample_subscribers(_SUBSCRIBERS),
            source="sample subscribers",
            basis="sample",
            progress=lambda rows: bar.advance(task, rows),
        )


def _print_links(
    engine: Engine, settings: Settings, summary: Mapping[str, Any], env_file: Path
) -> None:
    with transaction(engine) as session:
        token = first_link(session)
    if token is None:
        address, hint = f"{settings.public_url}/sign-in", _("sign in as before")
    else:
        address, hint = f"{settings.public_url}/welcome/{token}", _("become its administrator")
    places = (
        (_("The web application"), address, hint),
        (
            _("The inbox"),
            summary["inbox_url"],
            ngettext(
                "{count} message just arrived; its links work",
                "{count} messages just arrived; their links work",
                summary["received"],
            ),
        ),
        (_("The issue on the web"), summary["issue_url"], ""),
    )
    console.print("\n" + _("Where to look:"))
    for name, url, note in places:
        # Without a table, which would truncate links in a narrow terminal.
        console.print(
            f"  {styled(name)}" + (f"  {styled(note, 'dim')}" if note else ""), soft_wrap=True
        )
        console.print(f"    {url}", soft_wrap=True)
    console.print(
        "\n"
        + _(
            "Unsubscribe with the link in an email; then send again, from another terminal, to "
            "one person fewer:"
        )
        + f"\n  .venv/bin/newsletter --env-file {env_file} send --yes\n",
        soft_wrap=True,
    )


def _tell(
    engine: Engine,
    settings: Settings,
    summary: Mapping[str, Any] | None,
    env_file: Path,
    *,
    json: bool,
) -> None:
    if json:
        print_json(summary or {})
        return
    if summary is None:
        errors.print(_("Nothing was sent this time; all parts are running nevertheless."))
        console.print(
            "\n" + _("The web application: {url}", url=settings.public_url), soft_wrap=True
        )
    else:
        _print_links(engine, settings, summary, env_file)
    errors.print(_("Logs are in {folder}.", folder=FOLDER / "logs"))


def _print_restart(event: Message) -> None:
    errors.print(_("{event} Its log is in {folder}.", event=event, folder=FOLDER / "logs"))


def _stay(supervisor: Supervisor) -> None:
    errors.print(_("Running until you press Ctrl-C."))
    try:
        supervisor.watch()
    except KeyboardInterrupt:
        errors.print("\n" + _("Stopping all parts …"))
        raise
