"""The mailbox's SMTP server: ``python -m newsletter.mailbox --port 2525 --store mailbox.sqlite3``.

It answers 550 to recipients whose local part is ``refuse`` and 451 to ``defer``, for trials.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter.mailbox.store import MailboxStore

_REFUSALS = {
    "refuse": "550 5.1.1 No such user here",
    "defer": "451 4.2.1 Come back later",
}


class _Keeper:
    def __init__(self, store: MailboxStore) -> None:
        self._store = store

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _REFUSALS.get(address.partition("@")[0]):
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's hook
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        number = 0
        for recipient in envelope.rcpt_tos:
            number = self._store.add(raw, sender=envelope.mail_from or "", recipient=recipient)
        return f"250 2.0.0 OK queued as M{number}"


async def _serve(host: str, port: int, store: MailboxStore) -> None:
    loop = asyncio.get_running_loop()
    keeper = _Keeper(store)
    server = await loop.create_server(
        lambda: SMTP(keeper, enable_SMTPUTF8=True, decode_data=False, ident="newsletter mailbox"),
        host,
        port,
    )
    async with server:
        await server.serve_forever()


def main() -> None:
    """Run the server until it is interrupted."""
    parser = argparse.ArgumentParser(prog="newsletter.mailbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.host, options.port, MailboxStore(options.store)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
