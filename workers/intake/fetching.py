"""Fetching mail from a mailbox, where it is deleted only after it was committed to the database.

If the process is killed in between, the mail is fetched again and recognized by its content.
"""

from __future__ import annotations

import imaplib
import logging
import poplib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from newsletter.database.engine import AWAY, reason_of
from newsletter.errors import UnavailableError
from newsletter.feedback.attribution import Keys
from newsletter.feedback.joining import JoiningByMail
from newsletter.feedback.mail import Taken, take_mail
from newsletter.i18n.messages import msg
from workers.intake.imap import ImapMailbox
from workers.intake.mailbox import Account, Mailbox, TakenCounts
from workers.intake.pop3 import Pop3Mailbox
from workers.mail_servers import Redactor

_log = logging.getLogger(__name__)

_SHORTEST_PAUSE, _LONGEST_PAUSE = 5.0, 300.0
#: Seconds of one pass over a mailbox. Each reply is limited, but a slow server that always has
#: another mail would keep the pass running forever. The next pass fetches the remaining mail with a
#: new connection, since some servers delete mail only when a connection ends.
_LOOK_SECONDS = 3600.0

Tell = Callable[[TakenCounts], None]


class Fetcher:
    """Empties one mailbox into the database."""

    def __init__(
        self, account: Account, engine: Engine, keys: Keys, joining: JoiningByMail | None = None
    ) -> None:
        self._account = account
        self._engine = engine
        self._keys = keys
        self._joining = joining
        self._kept: set[str] = set()
        self._redactor = Redactor(account.username, account.password)

    def once(self) -> TakenCounts:
        """Fetch the present mail; return the counts of its outcomes.

        Raises:
            UnavailableError: The mailbox does not reply, or refuses.
        """
        with self._open() as mailbox:
            counts, _ = self._take_all(mailbox)
        return counts

    def follow(self, tell: Tell, *, poll_seconds: float) -> None:
        """Fetch the present mail and then new mail, until interrupted."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                with self._open() as mailbox:
                    pause = _SHORTEST_PAUSE
                    is_whole = self._follow_one(mailbox, tell, poll_seconds)
                # POP3 shows new mail only in a new session, and deletes mail when one ends.
                time.sleep(poll_seconds if is_whole else 0)
            except UnavailableError as error:
                _log.warning("%s Asked again in %.0f s.", error.what, pause)
            except AWAY as error:
                _log.warning(
                    "The database cannot be used: %s. %s is asked again in %.0f s.",
                    reason_of(error),
                    self._account.name,
                    pause,
                )
            else:
                continue
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _follow_one(self, mailbox: Mailbox, tell: Tell, poll_seconds: float) -> bool:
        """Follow one connection: forever with IMAP, for one pass with POP3, or until time runs out.

        Return whether the last pass was complete.
        """
        while True:
            counts, is_whole = self._take_all(mailbox)
            if counts:
                tell(counts)
            if not is_whole or not isinstance(mailbox, ImapMailbox):
                return is_whole
            mailbox.wait(poll_seconds)

    def _take_all(self, mailbox: Mailbox) -> tuple[TakenCounts, bool]:
        """Fetch the present mail; return the counts, and whether there was time for all of it."""
        counts, ends = TakenCounts(), time.monotonic() + _LOOK_SECONDS
        for letter in mailbox.letters():
            if counts and time.monotonic() >= ends:
                _log.warning("A look at %s took too long; the rest waits.", self._account.name)
                return counts, False
            taken = self._take(letter.raw)
            counts[taken] += 1
            if taken is Taken.UNRELATED:
                mailbox.keep(letter)
            else:
                mailbox.forget(letter)
        return counts, True

    def _take(self, raw: bytes) -> Taken:
        try:
            return take_mail(self._engine, raw, self._keys, joining=self._joining)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # A bug with one mail must not block the others; the mail stays in the mailbox.
            _log.exception(
                "a mail of %s could not be taken, and stays there: %s",
                self._account.name,
                type(error).__name__,
            )
            return Taken.UNRELATED

    @contextmanager
    def _open(self) -> Iterator[Mailbox]:
        """Open the mailbox; errors of the protocols are raised as `UnavailableError`."""
        try:
            mailbox = self._connect()
            try:
                yield mailbox
            finally:
                mailbox.close()
        except (imaplib.IMAP4.error, poplib.error_proto, OSError, ValueError) as error:
            # The libraries raise ValueError for malformed numbers and characters.
            raise UnavailableError(
                msg(
                    "The mailbox {name} is not responding: {reason}.",
                    name=self._account.name,
                    reason=self._redactor.redact(_words(error)),
                ),
                remedy=msg("Check BOUNCE_MAILBOX."),
            ) from error

    def _connect(self) -> Mailbox:
        if self._account.protocol == "imap":
            return ImapMailbox(self._account)
        return Pop3Mailbox(self._account, self._kept)


def _words(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
    return text.strip().rstrip(".") or type(error).__name__
