"""A mailbox by POP3 (RFC 1939): it has no flags, so what is kept is remembered by its UIDL."""

from __future__ import annotations

import poplib
import re
import socket
from collections.abc import Iterator

from workers.intake.bounded_answers import SILENCE_SECONDS, bound_tls, bounded
from workers.intake.mailbox import Account, Letter

#: Of a larger mail only the start is fetched: its headers and so many lines.
_WHOLE_OCTETS = 2 * 1024 * 1024
_LINES = 2000
#: RFC 1939 section 7: a UIDL is of visible ASCII; other servers take other signs, too.
_OF_LIST = re.compile(rb"([0-9]{1,10}) +([^ ]+)")
#: Of a longer line only the start is kept, which is more than RFC 5321 allows by far.
_LINE_OCTETS = 262_144


class Pop3Mailbox:
    """See `Mailbox`; ``kept`` outlives the connection, for the next one."""

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
        # What somebody else deleted need not be remembered.
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
    """Return the number of a mail, and what a list says of it.

    Raises:
        poplib.error_proto: The line is none of a list.
    """
    match = _OF_LIST.match(line)
    if match is None:
        raise poplib.error_proto("-ERR the server lists something that is no mail")
    return match[1], match[2]


class _LongLines(poplib.POP3):
    """Reads lines of any length.

    The library ends the session at a line of more than 2,048 octets. One such mail, which anybody
    can send, would keep all others from being read, each time anew.
    """

    def _getline(self) -> tuple[bytes, int]:
        """Return a line without its end, as far as it is kept, and its octets."""
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
    """With TLS before the first word, whose context bounds the socket."""


def _connect(account: Account) -> poplib.POP3:
    if account.tls == "implicit":
        return _ByTls(
            account.host,
            account.port,
            context=bound_tls(account.tls_context()),
            timeout=SILENCE_SECONDS,
        )
    return _Plain(account.host, account.port, timeout=SILENCE_SECONDS)
