"""A relay that counts what it takes, as a program of its own, and misbehaves as told.

Each recipient whose message it takes is a line in a file, written before the reply. A fault happens
at every n-th time that a step comes: ``{"step": "dot", "do": "close", "every": 50}``. Steps are
``greeting``, ``auth``, ``mail``, ``rcpt``, ``data``, ``body`` (amid the message) and ``dot`` (the
reply to it, when the message is taken already). What it does is ``close``, ``reset``, ``hang``,
``garbage``, ``split`` (the reply comes octet by octet), or a reply such as ``451 4.3.0 busy``. With
``"whose": "reader@example.jp"`` it happens, from ``rcpt`` on, to that recipient alone; with
``"server": 3`` over each third connection alone, as behind one server of three; with ``"until": 5``
over the first five alone, as until a reload. With a delay, every reply comes so many seconds late,
as from far away. With a certificate it speaks TLS alone, and whoever says ``AUTH`` is signed in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import ssl
import struct
from collections import Counter
from typing import Any

_END = b"\r\n.\r\n"
_SPLIT_SECONDS = 0.001


class Relay:
    """What all connections share: the record and the plan of faults."""

    def __init__(self, record: str, faults: list[dict[str, Any]], delay: float) -> None:
        self.delay = delay
        self._file = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._faults = faults
        self._count: Counter[str] = Counter()
        self.connections = 0

    def fault(self, step: str, connection: int, recipient: str = "") -> str:
        self._count[step] += 1
        return next(
            (
                fault["do"]
                for fault in self._faults
                if fault["step"] == step
                and self._count[step] % fault["every"] == 0
                and fault.get("whose", recipient) == recipient
                and connection % fault.get("server", 1) == 0
                and connection <= fault.get("until", connection)
            ),
            "",
        )

    def take(self, recipient: str) -> None:
        os.write(self._file, f"{recipient}\n".encode())


class Connection(asyncio.Protocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._rest = b""
        self._in_data = self._hangs = self._met_body = self._has_sender = False
        self._recipient = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._relay.connections += 1
        self._number = self._relay.connections
        self._answer("greeting", "220 sink")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while not self._hangs and not self._transport.is_closing() and self._step():
            pass

    def _step(self) -> bool:
        if self._in_data:
            return self._message()
        line, found, rest = self._rest.partition(b"\r\n")
        if not found:
            return False
        self._rest = rest
        verb = line[:4].decode().strip().upper()
        if verb in {"EHLO", "AUTH"}:
            self._begin(verb)
        elif verb == "MAIL":
            self._has_sender = self._answer("mail", "250 2.0.0 fine")
            self._recipient = ""
        elif verb == "RCPT" and not self._has_sender:
            self._say("503 5.5.1 nobody whom it comes from")
        elif verb == "RCPT":
            named = line.decode().partition("<")[2].rstrip(">")
            is_fine = self._answer("rcpt", "250 2.1.5 fine", named)
            self._recipient = named if is_fine else ""
        elif verb == "DATA" and not self._recipient:
            self._say("554 5.5.1 nobody to send it to")
        elif verb == "DATA":
            self._in_data = self._answer("data", "354 go on")
            self._met_body = False
        elif verb == "QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._say("250 fine")
        return True

    def _begin(self, verb: str) -> None:
        if verb == "EHLO":
            self._say("250-sink\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 SMTPUTF8")
        else:
            self._answer("auth", "235 2.7.0 signed in")

    def _message(self) -> bool:
        if not self._met_body:
            self._met_body = True
            if self._misbehave(self._relay.fault("body", self._number, self._recipient), ""):
                return False
        end = self._rest.find(_END)
        if end < 0:
            return False
        self._rest = self._rest[end + len(_END) :]
        self._in_data = False
        fault = self._relay.fault("dot", self._number, self._recipient)
        if fault[:1] not in {"4", "5"}:
            self._relay.take(self._recipient)
        if not self._misbehave(fault, "250 2.0.0 Ok: queued as S1"):
            self._say("250 2.0.0 Ok: queued as S1")
        return True

    def _answer(self, step: str, usual: str, recipient: str = "") -> bool:
        """Answer, or misbehave; return whether the answer was the usual one."""
        fault = self._relay.fault(step, self._number, recipient)
        if self._misbehave(fault, usual):
            return fault == "split"
        self._say(usual)
        return True

    def _say(self, reply: str) -> None:
        octets = f"{reply}\r\n".encode()
        if self._relay.delay:
            loop = asyncio.get_running_loop()
            loop.call_later(self._relay.delay, self._transport.write, octets)
        else:
            self._transport.write(octets)

    def _misbehave(self, fault: str, usual: str) -> bool:
        match fault:
            case "":
                return False
            case "close":
                self._transport.close()
            case "reset":
                self._transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self._transport.abort()
            case "hang":
                self._hangs = True
            case "garbage":
                self._transport.write(b"\x00\xff what is this\r\n")
            case "split":
                self._hangs = True
                self._task = asyncio.ensure_future(self._dribble(f"{usual}\r\n".encode()))
            case reply:
                self._say(reply)
                if reply.startswith("421"):
                    self._transport.close()
        return True

    async def _dribble(self, octets: bytes) -> None:
        self._transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        for place in range(len(octets)):
            self._transport.write(octets[place : place + 1])
            await asyncio.sleep(_SPLIT_SECONDS)
        self._hangs = False
        self.data_received(b"")


async def _serve(port: int, relay: Relay, certificate: str) -> None:
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(relay), "127.0.0.1", port, backlog=256, ssl=context
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", required=True)
    parser.add_argument("--faults", type=json.loads, default=[])
    parser.add_argument("--delay", type=float, default=0)
    parser.add_argument("--certificate", default="")
    options = parser.parse_args()
    relay = Relay(options.record, options.faults, options.delay)
    asyncio.run(_serve(options.port, relay, options.certificate))
