"""Commands that run processes in the foreground: workers, the web server, the demo."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from newsletter.cli.language import gettext as _
from newsletter.cli.state import Json, environment_of, open_with_keys, settings_of
from newsletter.database.vocabulary import ProcessKind
from newsletter.database.words import name_of
from newsletter.errors import Place, SettingError, UnavailableError
from newsletter.i18n.messages import msg
from workers.command import WorkerRole

if TYPE_CHECKING:
    from newsletter.cli.embedded import Roles
    from newsletter.settings import Settings

#: Seconds for workers to stop; the last messages may take long, and the rest of their batches is
#: released.
_WORKER_STOP_SECONDS = 60.0


def worker(
    context: typer.Context,
    role: Annotated[
        WorkerRole | None, typer.Option(help="Run this role only; both if omitted.")
    ] = None,
    beat: Annotated[bool, typer.Option(help="Run beat as well; at least one must run.")] = True,
) -> None:
    """Run the Celery workers that send email; any number of hosts may do so.

    Without REDIS_URL, a broker and, without MAIL_TRANSPORTS, a mailbox run on this machine as long
    as this command.
    """
    from newsletter.cli.embedded import ALL_ROLES

    _run(context, roles=ALL_ROLES if role is None else (role,), beat=beat)


def beat(context: typer.Context) -> None:
    """Run beat only, where the workers run elsewhere; several may run at once."""
    _run(context, roles=(), beat=True)


def _run(context: typer.Context, *, roles: Roles, beat: bool) -> None:
    from newsletter.cli.embedded import ALL_ROLES, own_servers, supervised
    from newsletter.operations.broker import await_broker
    from workers.composition import require_files, require_settings

    settings = settings_of(context)
    require_settings(settings)
    open_with_keys(settings).dispose()
    if roles:
        # Otherwise the running processes would retry forever.
        require_files(settings)
    alone = roles == ALL_ROLES and beat
    if not settings.redis_url and not alone:
        raise SettingError(
            msg("No broker is configured."),
            place=Place(source=msg("settings"), field="REDIS_URL"),
            remedy=msg("Set it, for example, to redis://127.0.0.1:6379/0."),
        )
    if settings.redis_url:
        await_broker(settings.redis_url, _tell_of_waiting)
    servers = {} if settings.redis_url else own_servers(settings)
    with supervised(
        settings.data_dir.resolve(),
        environment_of(context) | servers,
        in_terminal=True,
        stop_seconds=_WORKER_STOP_SECONDS,
    ) as supervisor:
        supervisor.start_own(servers)
        supervisor.start_workers(
            settings.worker_processes,
            log_level=settings.log_level,
            beat=beat,
            roles=roles,
        )
        with suppress(KeyboardInterrupt):
            supervisor.watch()


def _tell_of_waiting(where: str, reason: str) -> None:
    from newsletter.cli.console import errors

    words = _(
        "Redis is not responding at {where} ({reason}); waiting for it …",
        where=where,
        reason=reason,
    )
    errors.print(words, soft_wrap=True)


def alive(context: typer.Context, kind: ProcessKind) -> None:
    """Report by the exit code whether a worker or beat runs on this host; for health checks."""
    from newsletter.operations.heartbeats import lives_here
    from newsletter.services import connect

    engine = connect(settings_of(context))
    if not lives_here(engine, kind):
        raise UnavailableError(
            msg(
                "The {process} on this host has not reported for 12 seconds.", process=name_of(kind)
            )
        )


def web(context: typer.Context) -> None:
    """Serve the web application, at WEB_HOST and WEB_PORT of the settings."""
    from newsletter.web.serve import serve
    from workers.composition import require_settings

    settings = settings_of(context)
    require_settings(settings)
    open_with_keys(settings).dispose()
    serve(settings, before=lambda: _greet(settings))


def _greet(settings: Settings) -> None:
    """Print the URL of the server and, if there are no accounts, how to create one."""
    from newsletter.accounts.invitations import first_link
    from newsletter.cli.console import errors
    from newsletter.database.engine import transaction
    from newsletter.services import connect

    engine = connect(settings)
    with transaction(engine) as session:
        token = first_link(session)
    engine.dispose()
    if token is not None:
        errors.print(
            _(
                "The database has no account yet: {database}. If you have an installation with "
                "accounts already, start this command in the folder of its .env.",
                database=engine.url.render_as_string(),
            ),
            soft_wrap=True,
        )
        errors.print(_("There is no administrator yet. Open this link, once and within 24 hours:"))
        errors.print(f"  {settings.public_url}/welcome/{token}", soft_wrap=True)
    errors.print(_("Serving {url} until Ctrl-C.", url=settings.public_url), soft_wrap=True)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after sending.")] = False,
    json: Json = False,
    port_base: Annotated[
        int | None, typer.Option(min=1024, max=65_000, help="The first of three ports to use.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete the data of earlier runs.")
    ] = False,
) -> None:
    """Send the sample issue to 1,000 sample subscribers on this machine."""
    from newsletter.cli.demo import run_demo

    raise typer.Exit(run_demo(once=once, json=json, port_base=port_base, fresh=fresh))
