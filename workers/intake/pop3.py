"""A mailbox by POP3 (RFC 1939), which has no flags; mails to skip are remembered by their UIDL."""

from __future__ import annotations

import poplib
import re
import socket
from collections.abc import Iterator

from workers.intake.mailbox import SILENCE_SECONDS, Account, Letter, bound_tls, bounded

#: Octets of a mail that is fetched whole; of a larger one, only the headers and the first lines.
_WHOLE_OCTETS = 2 * 1024 * 1024
_LINES = 2000
#: A UIDL consists of printable ASCII (RFC 1939, 7); some servers use other characters, too.
_OF_LIST = re.compile(rb"([0-9]{1,10}) +([^ ]+)")
#: Octets of a line that are kept, far more than RFC 5321 allows.
_LINE_OCTETS = 262_144


class Pop3Mailbox:
    """See `Mailbox`; ``kept`` is shared with later connections."""

    def __init__(self, account: Account, kept: set[str]) -> None:
        self._kept = kept
        self._pop = _connect(account)
        try:
            if account.tls == "starttls":
                self._pop.stls(bound_tls(account.tls_context()))
            self._pop.user(account.username)
            self._pop.pass_(account.password)
        except BaseException:
            self._pop.close()
            raise

    def letters(self) -> Iterator[Letter]:
        """See `Mailbox.letters`."""
        _, sizes, _ = self._pop.list()
        by_number = {number: int(size) for number, size in map(_listed, sizes)}
        _, names, _ = self._pop.uidl()
        listed = [_listed(line) for line in names]
        # Forget mails that another client has deleted.
        self._kept &= {name.decode("ascii", "replace") for _, name in listed}
        for number, name in listed:
            if name.decode("ascii", "replace") in self._kept:
                continue
            whole = by_number.get(number, 0) <= _WHOLE_OCTETS
            at = int(number)
            _, lines, _ = self._pop.retr(at) if whole else self._pop.top(at, _LINES)
            key = f"{at} {name.decode('ascii', 'replace')}"
            yield Letter(key=key, raw=b"\r\n".join(lines) + b"\r\n")

    def forget(self, letter: Letter) -> None:
        """See `Mailbox.forget`; the server deletes at the end of the session."""
        self._pop.dele(int(letter.key.partition(" ")[0]))

    def keep(self, letter: Letter) -> None:
        """See `Mailbox.keep`."""
        self._kept.add(letter.key.partition(" ")[2])

    def close(self) -> None:
        """See `Mailbox.close`."""
        try:
            self._pop.quit()
        except (poplib.error_proto, OSError):
            self._pop.close()


def _listed(line: bytes) -> tuple[bytes, bytes]:
    """Return the number of a mail and its value in a listing.

    Raises:
        poplib.error_proto: The line is malformed.
    """
    match = _OF_LIST.match(line)
    if match is None:
        raise poplib.error_proto("-ERR the server lists something that is no mail")
    return match[1], match[2]


class _LongLines(poplib.POP3):
    """A connection that accepts lines of any length.

    The library raises an error at a line of more than 2,048 octets. One such mail, which anybody
    can send, would keep all other mails from being read in each session.
    """

    def _getline(self) -> tuple[bytes, int]:
        """Return the kept part of a line without its end, and the octets of the whole line."""
        line = piece = self.file.readline(_LINE_OCTETS)
        octets = len(line)
        while piece and not piece.endswith(b"\n"):
            piece = self.file.readline(_LINE_OCTETS)
            octets += len(piece)
        if not line:
            raise poplib.error_proto("-ERR EOF")
        return line.strip(b"\r\n"), octets


class _Plain(_LongLines):
    def _create_socket(self, timeout: float) -> socket.socket:
        return bounded(super()._create_socket(timeout))  # type: ignore[misc]  # not in its stub


class _ByTls(_LongLines, poplib.POP3_SSL):
    """A connection with implicit TLS, whose context creates limited sockets."""


def _connect(account: Account) -> poplib.POP3:
    if account.tls == "implicit":
        return _ByTls(
            account.host,
            account.port,
            context=bound_tls(account.tls_context()),
            timeout=SILENCE_SECONDS,
        )
    return _Plain(account.host, account.port, timeout=SILENCE_SECONDS)
