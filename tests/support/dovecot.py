"""A real IMAP and POP3 server: Debian's dovecot, with one mailbox, as a process of its own."""

from __future__ import annotations

import base64
import datetime as dt
import getpass
import imaplib
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.ports import await_port, free_port

USER, PASSWORD = "bounces", "seçret/with:signs"
_QUOTED = "se%C3%A7ret%2Fwith%3Asigns"

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {group}
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{folder}/mail
first_valid_uid = 1
mail_max_userip_connections = 100
imap_capability = {capability}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
namespace inbox {{
  inbox = yes
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
service stats {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """Where it listens; ``ca`` is what its certificate is verified by."""

    imap: int
    imaps: int
    pop3: int
    pop3s: int
    ca: Path

    def url(self, scheme: str, folder: str = "", **options: str) -> str:
        port = {"imap": self.imap, "imaps": self.imaps, "pop3": self.pop3, "pop3s": self.pop3s}
        query = "&".join(f"{name}={word}" for name, word in {"ca": self.ca, **options}.items())
        return f"{scheme}://{USER}:{_QUOTED}@127.0.0.1:{port[scheme]}/{folder}?{query}"

    @contextmanager
    def client(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Somebody's mail program."""
        context = ssl.create_default_context(cafile=self.ca)
        with imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=context) as imap:
            imap.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())
            assert imap.select(folder)[0] == "OK"
            yield imap

    def put(self, *mails: bytes) -> None:
        with self.client() as imap:
            for mail in mails:
                assert imap.append("INBOX", "", None, mail)[0] == "OK"

    def subjects(self, folder: str = "INBOX") -> list[str]:
        with self.client(folder) as imap:
            _, [keys] = imap.search(None, "ALL")
            found = []
            for key in keys.split():
                _, data = imap.fetch(key, "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
                # Gone meanwhile, when a program under test works at the same mailbox.
                if isinstance(data[0], tuple):
                    found.append(data[0][1].decode().removeprefix("Subject:").strip())
            return found

    def flags(self) -> list[str]:
        with self.client() as imap:
            _, data = imap.fetch("1:*", "(FLAGS)")
            return [line.decode() for line in data if isinstance(line, bytes)]


@contextmanager
def dovecot(*, capability: str = "") -> Iterator[Dovecot]:
    """Run it; ``capability`` replaces what it says that it can."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    try:
        yield from _run(folder, capability)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, capability: str) -> Iterator[Dovecot]:
    root = os.geteuid() == 0
    me = getpass.getuser()
    owner = pwd.getpwnam("nobody" if root else me)
    ports = {name: free_port() for name in ("imap", "imaps", "pop3", "pop3s")}
    folder.chmod(0o755)
    (folder / "mail").mkdir()
    _write_certificate(folder)
    secret = base64.b64encode(PASSWORD.encode()).decode()
    (folder / "users").write_text(f"{USER}:{{PLAIN.b64}}{secret}::::::\n")
    config = _CONFIG.format(
        folder=folder,
        internal="dovecot" if root else me,
        login="dovenull" if root else me,
        group="dovecot" if root else "",
        uid=owner.pw_uid,
        gid=owner.pw_gid,
        capability=capability,
        **ports,
    )
    if not root:
        config = config.replace("default_internal_group =\n", "")
    (folder / "dovecot.conf").write_text(config)
    if root:
        os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    process = subprocess.Popen(  # noqa: S603 - Debian's
        [shutil.which("dovecot") or "", "-F", "-c", str(folder / "dovecot.conf")]
    )
    try:
        for port in ports.values():
            await_port(port)
        yield Dovecot(**ports, ca=folder / "cert.pem")
    finally:
        process.terminate()
        process.wait()


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    moment = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - dt.timedelta(days=1))
        .not_valid_after(moment + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
