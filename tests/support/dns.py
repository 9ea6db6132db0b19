"""A DNS server on loopback, and a resolver that asks it alone."""

from __future__ import annotations

import socket
import threading

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.resolver import Resolver


class DnsServer:
    """Answers TXT questions from ``records``, others from ``hosts``; or not at all if silent."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.hosts = {("example.jp", "MX"): "10 mx.example.jp."}
        self.silent = False
        self.kinds_asked: set[str] = set()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, peer = self._socket.recvfrom(4096)
            if data == b"end":
                return
            query = dns.message.from_wire(data)
            self.kinds_asked.add(dns.rdatatype.to_text(query.question[0].rdtype))
            if self.silent:
                continue
            name = query.question[0].name
            response = dns.message.make_response(query)
            asked = name.to_text(omit_final_dot=True)
            kind = dns.rdatatype.to_text(query.question[0].rdtype)
            texts = self.records.get(asked) if kind == "TXT" else None
            if host := self.hosts.get((asked.removeprefix("news."), kind)):
                response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, host))
            elif texts is None:
                if not any(name == asked for name, _ in self.hosts):
                    response.set_rcode(dns.rcode.NXDOMAIN)
            else:
                quoted = [f'"{text}"' for text in texts]
                response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *quoted))
            self._socket.sendto(response.to_wire(), peer)

    def resolver(self) -> Resolver:
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def close(self) -> None:
        self._socket.sendto(b"end", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
