"""The demo: everything on this machine, nothing leaves it."""

from __future__ import annotations

import time
from pathlib import Path
from shutil import rmtree

from sqlalchemy import Engine, select

from newsletter.cli.console import console, errors, print_json, progress_bar
from newsletter.cli.embedded import Supervisor, find_ports, supervised
from newsletter.cli.sending import as_json, show, start_mailing, watch_mailing
from newsletter.cli.state import open_database
from newsletter.database.engine import reading, transaction
from newsletter.database.tables import NewsletterRow
from newsletter.errors import ExitCode
from newsletter.issues.sources import read_issue
from newsletter.issues.store import save_issue
from newsletter.language import Language
from newsletter.mailbox.store import MailboxStore
from newsletter.samples import sample_issue, sample_subscribers
from newsletter.settings import load_settings
from subscribers.importing import import_csv
from subscribers.newsletters import NewsletterDraft, create_newsletter

FOLDER = Path("var/demo")
_PORT_BASE = 18_000
_SUBSCRIBERS = 1000
_DRAFT = NewsletterDraft(
    slug="machi-digital",
    name="まちのデジタル便り",
    from_name="まちのデジタル便り編集室",
    from_address="digest@machi-digital.example.jp",
    postal_address="〒100-0000 東京都千代田区例町1-2-3 例ビル4階",
)


def run_demo(*, once: bool, json: bool, port_base: int | None, fresh: bool) -> ExitCode:
    """Start all parts, send the sample issue, say what happened, stay until Ctrl-C."""
    if fresh and FOLDER.exists():
        rmtree(FOLDER)
    FOLDER.mkdir(parents=True, exist_ok=True)
    ports = find_ports(3, base=port_base or _PORT_BASE, exact=port_base is not None)
    if port_base is None and ports[0] != _PORT_BASE:
        errors.print(f"Ports from {_PORT_BASE} are in use; taking {ports[0]} to {ports[-1]}.")
    web_port, smtp_port, redis_port = ports
    env_file, environment = _write_environment(web_port, smtp_port, redis_port)
    settings = load_settings(env_file)
    store = MailboxStore(FOLDER / "mailbox.sqlite3")
    engine = open_database(settings)
    _fill(engine, quiet=json)
    try:
        with supervised(FOLDER, environment) as supervisor:
            supervisor.start_valkey(redis_port)
            supervisor.start_mailbox(smtp_port, FOLDER / "mailbox.sqlite3")
            supervisor.start_web(web_port)
            supervisor.start_workers(settings.worker_processes)
            before = store.newest()
            mailing_id = start_mailing(engine, settings, newsletter=None, issue=None)
            now = watch_mailing(engine, mailing_id, quiet=json, check=supervisor.check)
            received = store.count(after=before)
            summary = as_json(now) | {
                "received": received,
                "issue_url": f"{settings.public_url}/archive/{_DRAFT.slug}",
                "inbox_url": f"{settings.public_url}/inbox",
            }
            if json:
                print_json(summary)
            else:
                show(now)
                _say_where(settings.public_url, received, env_file)
            if not once:
                _stay(supervisor)
    except KeyboardInterrupt:
        errors.print("Ended; nothing is left running.")
        if once:
            return ExitCode.INCOMPLETE
        return ExitCode.OK
    complete = summary["accepted"] == summary["planned"] == summary["received"]
    return ExitCode.OK if complete else ExitCode.INCOMPLETE


def _write_environment(web: int, smtp: int, redis: int) -> tuple[Path, dict[str, str]]:
    """Write settings of the demo's own, so that no relay of a real .env is ever touched."""
    folder = FOLDER.resolve()
    environment = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'newsletter.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{redis}/0",
        "MAIL_TRANSPORTS": f"smtp://127.0.0.1:{smtp}",
        "MAILBOX_FILE": str(folder / "mailbox.sqlite3"),
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
        "WEB_HOST": "127.0.0.1",
        "WEB_PORT": str(web),
        "BATCH_SIZE": "100",
        "SECRET_KEYS": "",
    }
    path = FOLDER / "env"
    path.write_text("".join(f'{name}="{value}"\n' for name, value in environment.items()))
    return path, environment


def _fill(engine: Engine, *, quiet: bool) -> None:
    """Put the sample issue and subscribers in; whoever left before stays away."""
    with reading(engine) as session:
        newsletter_id = session.scalar(
            select(NewsletterRow.id).where(NewsletterRow.slug == _DRAFT.slug)
        )
    with transaction(engine) as session:
        if newsletter_id is None:
            newsletter_id = create_newsletter(session, _DRAFT).id
        read = read_issue(sample_issue(Language.JAPANESE), source="sample issue")
        save_issue(session, newsletter_id, read)
    with progress_bar("Importing", quiet=quiet) as bar:
        task = bar.add_task("", total=_SUBSCRIBERS)
        import_csv(
            engine,
            newsletter_id,
            sample_subscribers(_SUBSCRIBERS),
            source="sample subscribers",
            basis="sample",
            progress=lambda rows: bar.advance(task, rows),
        )


def _say_where(public_url: str, received: int, env_file: Path) -> None:
    console.print(
        f"\nThe mailbox received [bold]{received:,}[/] messages. Look at\n"
        f"  the inbox      {public_url}/inbox\n"
        f"  the issue      {public_url}/archive/{_DRAFT.slug}\n"
        "Leave by the link in a mail; then send again, in another terminal, to one less:\n"
        f"  .venv/bin/newsletter --env-file {env_file} send --yes\n"
    )


def _stay(supervisor: Supervisor) -> None:
    errors.print("Running until Ctrl-C.")
    while True:
        supervisor.check()
        time.sleep(0.5)
