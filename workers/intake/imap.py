"""A mailbox by IMAP4rev1 (RFC 3501), with IDLE (RFC 2177), MOVE (RFC 6851) and UIDPLUS (RFC 4315).

If the server lacks one of these extensions, the client polls, copies, and expunges only if no
other client's deletions would be expunged, too.
"""

from __future__ import annotations

import imaplib
import re
import select
import socket
import time
from collections.abc import Iterator, Sequence

from newsletter.bounces.mail import MAIL_OCTETS
from newsletter.errors import UnavailableError
from newsletter.i18n.messages import msg
from workers.intake.mailbox import (
    SILENCE_SECONDS,
    Account,
    Letter,
    bound_tls,
    bounded,
    require_size,
)

#: Our keyword for stored mail; on servers without keywords, only ``\\Seen`` is set.
_KEPT = "$NewsletterKept"
#: Seconds of one IDLE. RFC 2177 allows half an hour; a shorter time detects dead connections.
_IDLE_SECONDS = 5 * 60.0


class ImapMailbox:
    """See `Mailbox`."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._deleted: set[str] = set()
        self._imap = _connect(account)
        try:
            self._enter()
        except BaseException:
            self._imap.shutdown()
            raise

    def _enter(self) -> None:
        account = self._account
        if account.tls == "starttls":
            self._imap.starttls(bound_tls(account.tls_context()))
        self._log_in()
        _, capabilities = self._imap.capability()
        self._can = frozenset(b" ".join(filter(None, capabilities)).decode().upper().split())
        self._checked("select", self._imap.select(_quoted(account.folder)))
        _, flags = self._imap.response("PERMANENTFLAGS")
        self._keyword = any(b"\\*" in one for one in flags if isinstance(one, bytes))

    def _log_in(self) -> None:
        username, password = self._account.username, self._account.password
        if "AUTH=PLAIN" in self._imap.capabilities:
            # Unlike LOGIN, SASL PLAIN (RFC 4616) allows all characters.
            said = [f"\0{username}\0{password}".encode()]

            def say_once(_asked: bytes) -> bytes:
                if not said:
                    # Without this, a server that repeats its challenge would be answered forever.
                    raise imaplib.IMAP4.error("the server asks again for what it was told")
                return said.pop()

            self._imap.authenticate("PLAIN", say_once)
        else:
            self._imap.login(username, password)

    def letters(self) -> Iterator[Letter]:
        """See `Mailbox.letters`."""
        unseen = f"UNKEYWORD {_KEPT}" if self._keyword else "UNSEEN"
        for key in self._search(f"UNDELETED {unseen}"):
            raw = self._fetch(key)
            if raw is not None:
                yield Letter(key=key, raw=raw)

    def forget(self, letter: Letter) -> None:
        """See `Mailbox.forget`."""
        target = self._account.move_to
        if target and "MOVE" in self._can:
            self._uid("MOVE", letter.key, _quoted(target))
            return
        if target:
            self._uid("COPY", letter.key, _quoted(target))
        self._uid("STORE", letter.key, "+FLAGS.SILENT", "(\\Deleted)")
        if "UIDPLUS" in self._can:
            self._uid("EXPUNGE", letter.key)
        else:
            self._deleted.add(letter.key)

    def keep(self, letter: Letter) -> None:
        """See `Mailbox.keep`."""
        flags = f"(\\Seen {_KEPT})" if self._keyword else "(\\Seen)"
        self._uid("STORE", letter.key, "+FLAGS.SILENT", flags)

    def close(self) -> None:
        """See `Mailbox.close`."""
        try:
            self._expunge_ours()
            self._imap.logout()
        except (imaplib.IMAP4.error, OSError):
            # Mail that is flagged and not expunged is recognized as known the next time.
            self._imap.shutdown()

    def wait(self, seconds: float) -> None:
        """Wait for new mail, or for a number of seconds if the server has no IDLE."""
        self._expunge_ours()
        if "IDLE" not in self._can:
            time.sleep(seconds)
            self._checked("noop", self._imap.noop())
            return
        self._idle(_IDLE_SECONDS)

    def _idle(self, seconds: float) -> None:
        tag = b"IDLE1"
        self._imap.send(tag + b" IDLE\r\n")
        has_mail = False
        line = self._imap.readline()
        while line.startswith(b"* "):
            has_mail = has_mail or line.rstrip().endswith(b"EXISTS")
            line = self._imap.readline()
        if not line.startswith(b"+"):
            raise self._broken("idle")
        if not has_mail:
            select.select([self._imap.socket()], (), (), seconds)
        self._imap.send(b"DONE\r\n")
        while not line.startswith(tag):
            line = self._imap.readline()
            if not line:
                raise self._broken("idle")

    def _search(self, criteria: str) -> list[str]:
        data = self._uid("SEARCH", *criteria.split())
        return [key for part in data if isinstance(part, bytes) for key in part.decode().split()]

    def _fetch(self, key: str) -> bytes | None:
        """Return the first part of a mail without marking it as read; None if it was deleted."""
        data = self._uid("FETCH", key, f"(BODY.PEEK[]<0.{MAIL_OCTETS}>)")
        return next((bytes(part[1]) for part in data if isinstance(part, tuple)), None)

    def _expunge_ours(self) -> None:
        if self._deleted and set(self._search("DELETED")) <= self._deleted:
            self._checked("expunge", self._imap.expunge())
            self._deleted.clear()

    def _uid(self, command: str, *words: str) -> Sequence[object]:
        return self._checked(command, self._imap.uid(command, *words))

    def _checked(self, command: str, answer: tuple[str, Sequence[object]]) -> Sequence[object]:
        if answer[0] != "OK":
            raise self._broken(command)
        return answer[1]

    def _broken(self, command: str) -> UnavailableError:
        return UnavailableError(
            msg(
                "The mailbox {name} refuses {command}.",
                name=self._account.name,
                command=command.lower(),
            ),
            remedy=msg("Check BOUNCE_MAILBOX: the folder, and the folder to move to, must exist."),
        )


class _Literals(imaplib.IMAP4):
    """Refuses too large literals, since the library allocates their memory at once."""

    def read(self, size: int) -> bytes:
        """See imaplib.

        Raises:
            OSError: The literal exceeds the limit.
        """
        require_size(size)
        return super().read(size)


class _Plain(_Literals):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        return bounded(super()._create_socket(timeout))  # type: ignore[misc]  # not in its stub


class _ByTls(_Literals, imaplib.IMAP4_SSL):
    """A connection with implicit TLS, whose context creates limited sockets."""


def _connect(account: Account) -> imaplib.IMAP4:
    if account.tls == "implicit":
        return _ByTls(
            account.host,
            account.port,
            ssl_context=bound_tls(account.tls_context()),
            timeout=SILENCE_SECONDS,
        )
    return _Plain(account.host, account.port, timeout=SILENCE_SECONDS)


def _quoted(folder: str) -> str:
    """Return a folder's name as a quoted string in IMAP's modified UTF-7 (RFC 3501, 5.1.3)."""
    escaped = _modified_utf7(folder).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _modified_utf7(text: str) -> str:
    def shifted(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        # Modified UTF-7 starts with "&" instead of "+" and has "," instead of "/".
        return match[0].encode("utf-7").decode().replace("+", "&", 1).replace("/", ",")

    return re.sub(r"&|[^\x20-\x7e]+", shifted, text)
