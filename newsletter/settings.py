"""Settings: read once from the environment and ``.env``, checked, frozen, then handed down.

This is the only module that looks at environment variables. `.env.example` documents each one.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import tempfile
from difflib import get_close_matches
from email.utils import parseaddr
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import idna
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Alternatives
from newsletter.validation import WrongValueError, message_of

_PACKAGE = Path(__file__).resolve().parent


def shipped_templates() -> Path:
    """Return the checkout's templates, or those an installed wheel carries."""
    checkout = _PACKAGE.parent / "templates"
    return checkout if checkout.is_dir() else _PACKAGE / "_templates"


def template_folders(templates_dir: Path, kind: str) -> tuple[Path, ...]:
    """Return where templates of a kind (``email``, ``web``) are looked for, the operator's first.

    What the operator's folder does not hold is taken from ours.
    """
    return tuple(dict.fromkeys((templates_dir / kind, shipped_templates() / kind)))


#: What both Celery and our own clients understand.
_BROKERS = ("redis://", "rediss://")
#: Providers whose webhooks carry a secret of the operator's; the others sign with a key of theirs.
_CHOSEN_SECRETS = (
    "webhook_postmark",
    "webhook_sparkpost",
    "webhook_mailjet",
    "webhook_brevo",
    "webhook_scaleway",
)
#: A host name, an IPv4 address or a bracketed IPv6 one, and a port.
_AUTHORITY = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d+)?"
)
#: The partition is ``aws``, ``aws-cn`` or ``aws-us-gov``.
_TOPIC = re.compile(r"arn:aws(?:-[a-z]+)*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}")
_MAILBOX = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")
#: Providers whose webhooks are signed with a word that the provider chose.
_GIVEN_SECRETS = (
    "webhook_mailgun",
    "webhook_mandrill",
    "webhook_mailersend",
    "webhook_mailtrap",
    "webhook_unisender_go",
)
_WEBHOOKS = (
    *_CHOSEN_SECRETS,
    *_GIVEN_SECRETS,
    *("webhook_ses", "webhook_sendgrid", "webhook_resend", "webhook_postal"),
)
#: A host name, as of a machine or container, without a port. IP addresses are read as such.
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
#: A value of Authentication-Results (RFC 8601 section 2.5).
_AUTHSERV_ID = re.compile(r"[^\s;,\"]+")


#: Names of this machine, as URLs have them.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Every setting of the product; the name in the environment is the field's in upper case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8"
    )

    #: Where files are kept that no setting places elsewhere: SQLite, journals, keys, runtime state.
    data_dir: Path = Path("var")
    #: SQLAlchemy URL; empty for SQLite in ``data_dir``.
    database_url: str = ""
    #: Seconds that one statement may take; PostgreSQL silent for longer counts as away.
    database_timeout: int = Field(default=45, ge=5, le=3600)
    #: Empty starts a Valkey server of our own for as long as a command needs one.
    redis_url: str = ""
    #: Comma-separated; the first signs, all verify. Empty keeps one in ``data_dir``.
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8000, ge=1, le=65535)
    #: Where subscribers reach the web application; stands in every link of a mail. Without it the
    #: address on this machine.
    public_url: str = Field(
        default_factory=lambda others: f"http://127.0.0.1:{others.get('web_port', 8000)}"
    )
    #: Comma-separated addresses or networks of the proxies in front of the web server, whose
    #: ``X-Forwarded-For`` is believed. Empty: nobody's.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated host names that requests may be for, besides that of ``public_url``.
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated transports: ``smtp://user:secret@host:587?tls=starttls``, ``smtps://…``,
    #: ``directory:///path``. Empty delivers into a mailbox on this machine.
    mail_transports: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    #: Whether the return path names its delivery, signed: ``bounces+TOKEN@domain``.
    signed_return_path: bool = True
    #: As whom mail to accounts goes out, ``Name <address>``; empty for a newsletter's sender.
    account_sender: str = ""
    #: Where bounces of mail to accounts go; empty for the null return path, which sends none.
    account_return_path: str = ""
    #: Comma-separated ``domain:selector:file`` of DKIM's private keys in PEM; two for one domain
    #: sign twice.
    dkim_keys: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated ``domain=messages a second``, kept to by all workers together.
    domain_rates: Annotated[dict[str, float], NoDecode] = Field(default_factory=dict)
    #: The file of a mailbox on this machine, whose mail the web shows under /inbox; for trials.
    mailbox_file: Path | None = None
    #: Deliveries in one batch, the unit a Celery task sends.
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    #: Worker processes that ``newsletter worker`` starts.
    worker_processes: int = Field(default=2, ge=1, le=64)
    #: Seconds without a heartbeat after which a worker on another host counts as lost.
    lease_seconds: int = Field(default=60, ge=10, le=3600)
    #: Hours for which a worker host keeps the journals of what it sent: proof of what a database
    #: that failed over or was restored forgot. About 200 octets a message.
    journal_hours: int = Field(default=48, ge=1, le=2400)
    #: Hours during which a deferred delivery is tried again.
    retry_hours: int = Field(default=48, ge=1, le=240)
    #: Minutes past its hour, or of all workers' silence, up to which a mailing goes on by itself.
    grace_minutes: int = Field(default=60, ge=1, le=10_080)
    #: Requests to join that one address may cause mail by, in a day.
    join_limit_address: int = Field(default=3, ge=1, le=100)
    #: Requests to join from one network (IPv4 /24, IPv6 /64), in an hour.
    join_limit_network: int = Field(default=20, ge=1, le=100_000)
    #: Requests to join one newsletter, in an hour.
    join_limit_newsletter: int = Field(default=1000, ge=1, le=1_000_000)
    #: The same of requests without a proof of work, which browsers without scripts do not bring.
    join_limit_network_unproven: int = Field(default=5, ge=1, le=100_000)
    join_limit_newsletter_unproven: int = Field(default=100, ge=1, le=1_000_000)
    #: Comma-separated domains whose addresses may always join, also if listed as disposable.
    join_allowed_domains: Annotated[tuple[str, ...], NoDecode] = ()
    #: Whether DNS is asked if an address's domain takes mail. Without an answer, nobody is refused.
    join_ask_dns: bool = True
    #: Whether mail to ``join+NEWSLETTER@DOMAIN`` asks to join, as the intake takes it.
    join_by_mail: bool = False
    #: The authserv-id (RFC 8601) of the mail server in front of the intake: what it writes of DMARC
    #: into Authentication-Results is believed, and lets requests have the wider limits.
    join_trusted_mta: str = ""
    #: Days for which the link of a confirmation mail holds.
    confirm_days: int = Field(default=7, ge=1, le=60)
    #: Days after its end at which whoever did not follow the link is forgotten.
    forget_unconfirmed_days: int = Field(default=7, ge=0, le=365)
    #: How exactly the consent record says from where: ``network`` (/24, /48), ``none``, ``full``.
    consent_network: Literal["network", "none", "full"] = "network"
    #: Lets programs unsubscribe people by POST /api/unsubscribe; empty closes that way.
    api_token: SecretStr | None = None
    #: What proves webhooks, by provider; an empty one closes that provider's webhook. Several,
    #: comma-separated, while one is changed for another.
    webhook_ses: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_sendgrid: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_postmark: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_mailgun: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_sparkpost: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_mailjet: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_brevo: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_resend: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_mandrill: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_mailersend: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_mailtrap: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_postal: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_unisender_go: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_scaleway: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    #: Where `newsletter bounce listen` takes mail: ``lmtp://host:port``, ``lmtp:///socket``,
    #: ``smtp://host:port``.
    bounce_listen: str = "lmtp://127.0.0.1:8024"
    #: The mailbox of `newsletter bounce fetch`: ``imaps://user:secret@host/INBOX``, ``pop3s://…``.
    bounce_mailbox: SecretStr | None = None
    #: Seconds between two looks at a mailbox whose server does not tell by itself.
    bounce_poll_seconds: int = Field(default=60, ge=1, le=86_400)
    #: Days for which the bounce log keeps its rows, and of these the raw reports.
    bounce_retention_days: int = Field(default=400, ge=30, le=3650)
    bounce_raw_days: int = Field(default=90, ge=1, le=3650)
    templates_dir: Path = Field(default_factory=shipped_templates)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: ``text`` for people, ``json`` for log collectors: one object a line.
    log_format: Literal["text", "json"] = "text"
    #: Who may read /metrics: whoever holds it; without one, this machine alone.
    metrics_token: SecretStr | None = None
    #: Whether workers send Celery's task events, which Flower shows.
    task_events: bool = False

    @field_validator(
        *("secret_keys", "mail_transports", "dkim_keys", "trusted_proxies", "allowed_hosts"),
        "join_allowed_domains",
        *_WEBHOOKS,
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("domain_rates", mode="before")
    @classmethod
    def _read_rates(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        try:
            rates = {domain.strip().lower(): float(rate) for domain, _, rate in pairs}
        except ValueError:
            rates = {"": 0.0}
        if not all(0 < rate < float("inf") for rate in rates.values()):
            raise WrongValueError(
                msg("Each rate must be a number above 0, such as docomo.ne.jp=5.")
            )
        return {_domain(name): rate for name, rate in rates.items()}

    @field_validator("log_level", "log_format", "consent_network", mode="before")
    @classmethod
    def _in_small_letters_or_large(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        return value.upper() if info.field_name == "log_level" else value.lower()

    @field_validator("secret_keys", *_CHOSEN_SECRETS)
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 32 for key in value):  # noqa: PLR2004
            raise WrongValueError(msg("Each key must have at least 32 characters."))
        return value

    @field_validator(*_GIVEN_SECRETS)
    @classmethod
    def _whole(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        """Refuse the beginning of a secret; the shortest known is Mandrill's, of 22 characters."""
        if any(len(key.get_secret_value()) < 16 for key in value):  # noqa: PLR2004
            raise WrongValueError(msg("Each key must have at least 16 characters: copy it whole."))
        return value

    @field_validator("webhook_ses")
    @classmethod
    def _are_topics(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        """Take whole ARNs: a webhook of another topic is refused, and bounces are lost."""
        if not all(_TOPIC.fullmatch(topic.get_secret_value()) for topic in value):
            raise WrongValueError(
                msg(
                    "Each value must be the ARN of an SNS topic, such as "
                    "arn:aws:sns:ap-northeast-1:123456789012:bounces."
                )
            )
        return value

    @field_validator("api_token", "metrics_token")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:  # noqa: PLR2004
            raise WrongValueError(msg("The token must have at least 32 characters."))
        return value

    @field_validator("account_sender", "account_return_path")
    @classmethod
    def _is_mailbox(cls, value: str, info: ValidationInfo) -> str:
        address = parseaddr(value)[1] if info.field_name == "account_sender" else value
        if value and not _MAILBOX.fullmatch(address):
            raise WrongValueError(msg("The value must be an address, such as accounts@example.jp."))
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                network = ip_network(one)
            except ValueError:
                raise WrongValueError(
                    msg(
                        "{value} is not an IP address or network, such as 10.0.0.1 or 10.0.0.0/24.",
                        value=one,
                    )
                ) from None
            if network.prefixlen == 0:
                raise WrongValueError(
                    msg("This would trust every address; give the address of the proxy.")
                )
        return value

    @field_validator("join_allowed_domains")
    @classmethod
    def _are_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_domain(one) for one in value)

    @field_validator("web_host")
    @classmethod
    def _is_host(cls, value: str) -> str:
        if not _is_host(value):
            raise WrongValueError(
                msg("The value must be an IP address or a host name, such as 127.0.0.1 or 0.0.0.0.")
            )
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Take names as requests have them: what has a scheme or a port would match none."""
        for one in value:
            if not _is_host(one):
                raise WrongValueError(
                    msg(
                        "{value} is not a host name, such as news.example.jp, without https:// "
                        "and port.",
                        value=one,
                    )
                )
        return value

    @field_validator("join_trusted_mta")
    @classmethod
    def _is_authserv_id(cls, value: str) -> str:
        if value and not _AUTHSERV_ID.fullmatch(value):
            raise WrongValueError(
                msg("The value must be one name without blanks, such as mx.example.jp.")
            )
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_broker(cls, value: str) -> str:
        if value.startswith("sentinel://"):
            raise WrongValueError(
                msg(
                    "Sentinel is not supported. Give the address of the Redis server, or of a "
                    "proxy that leads to whichever is the primary, such as redis://redis.example:6379."
                )
            )
        if value and not value.startswith(_BROKERS):
            raise WrongValueError(
                msg("The value must begin with {names}.", names=Alternatives(_BROKERS))
            )
        if value and not _has_port(value):
            raise WrongValueError(msg("The port is not valid."))
        return value

    @field_validator("dkim_keys")
    @classmethod
    def _are_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(words.split(":", 2)) < 3 for words in value):  # noqa: PLR2004
            raise WrongValueError(msg("Each key must be given as domain:selector:file."))
        return value

    @field_validator("templates_dir")
    @classmethod
    def _holds_templates(cls, value: Path) -> Path:
        if not (value / "email").is_dir():
            raise WrongValueError(msg("{path} has no folder email/ with templates.", path=value))
        return value

    @field_validator("public_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        """Take a scheme, a host and a port: the pages stand at the root of a host of theirs."""
        if not value.startswith(("https://", "http://")):
            raise WrongValueError(
                msg("The value must begin with https:// (or http:// on this machine).")
            )
        value = value.removesuffix("/")
        scheme, _, authority = value.partition("://")
        if not authority.isascii():
            raise WrongValueError(_in_ascii(scheme, authority))
        if "@" in authority:
            raise WrongValueError(msg("The value must not contain a user name or password."))
        if not _AUTHORITY.fullmatch(authority) or not _has_port(value):
            raise WrongValueError(
                msg(
                    "The value must be a host, with a port if needed, without a path or query, "
                    "such as https://news.example.jp."
                )
            )
        return value.lower()

    @property
    def is_local(self) -> bool:
        """Whether the web application is for this machine alone, as in trials."""
        return urlsplit(self.public_url).hostname in LOOPBACK

    @property
    def public_url_is_plain(self) -> bool:
        """Whether pages, passwords and links of readers travel unencrypted between machines."""
        return self.public_url.startswith("http://") and not self.is_local

    @property
    def effective_database_url(self) -> str:
        """The database URL, with the SQLite file in ``data_dir`` when none is set."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'newsletter.sqlite3').resolve()}"

    @property
    def account_mail_is_refused(self) -> bool:
        """Whether a relay refuses mail to accounts: Amazon SES takes no null return path."""
        hosts = (urlsplit(url.get_secret_value()).hostname or "" for url in self.mail_transports)
        return not self.account_return_path and any(
            host.endswith(".amazonaws.com") for host in hosts
        )

    @property
    def webhook_secrets(self) -> dict[str, tuple[str, ...]]:
        """What proves a webhook, by the providers that have one."""
        return {
            name.removeprefix("webhook_"): tuple(key.get_secret_value() for key in keys)
            for name in _WEBHOOKS
            if (keys := getattr(self, name))
        }

    @property
    def journal_dir(self) -> Path:
        """Where worker processes keep their journals."""
        return self.data_dir / "journals"


def _domain(name: str) -> str:
    """Return a domain as mail has it, in small letters and ASCII."""
    try:
        return idna.encode(name.lower(), uts46=True).decode("ascii")
    except idna.IDNAError:
        raise WrongValueError(msg("Each value must be a domain, such as example.jp.")) from None


def _is_host(name: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ip_address(name))
    return _HOST.fullmatch(name) is not None


def _in_ascii(scheme: str, authority: str) -> Message:
    """Say how a host with letters of its own language is written, as far as it is one."""
    host = re.split(r"[/?#]", authority)[0]
    try:
        url = f"{scheme}://{idna.encode(host, uts46=True).decode('ascii')}"
    except idna.IDNAError:
        return msg("The value must be written in ASCII.")
    return msg("The value must be written in ASCII: {url}", url=url)


def _has_port(url: str) -> bool:
    try:
        return (urlsplit(url).port or 1) > 0
    except ValueError:
        return False


#: The settings' names in the environment and in the file.
_NAMES = tuple(name.upper() for name in Settings.model_fields)
#: So like a setting's name is one that was meant to be it: a letter or two of ten differ.
_NEARLY = 0.85
#: Names in the environment the file that processes we start read instead of ``.env``.
SETTINGS_FILE = "SETTINGS_FILE"


def read_only_file(env_file: Path) -> None:
    """Let this process, and those that it starts, read their settings from a file and nothing else.

    What the environment, or ``.env`` here, says of a real installation does not count then.
    """
    for name in _NAMES:
        os.environ.pop(name, None)
    os.environ[SETTINGS_FILE] = str(env_file.resolve())


def load_settings(env_file: Path | None = None) -> Settings:
    """Read the settings; the environment wins over the file.

    Args:
        env_file: The file to read, which must exist. When None, the one that SETTINGS_FILE names,
            or ``.env`` here, if there is one.

    Raises:
        SettingError: A setting is wrong; the message names it.
    """
    if env_file is None and (named := os.environ.get(SETTINGS_FILE)):
        env_file = Path(named)
    if env_file is not None and not env_file.is_file():
        raise SettingError(
            msg("The settings file does not exist."), place=Place(source=str(env_file))
        )
    source = Path(".env") if env_file is None else env_file
    _demand_whole(source)
    try:
        return Settings(_env_file=source)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "settings"
        raise SettingError(
            message_of(first),
            place=Place(source=msg("settings"), field=name),
            remedy=msg(
                "Correct {name} in {source} or in the environment; .env.example explains it.",
                name=name,
                source=source,
            ),
        ) from None


def _demand_whole(source: Path) -> None:
    """Refuse a file of which a line would be passed over: its setting would have its default.

    Raises:
        SettingError: It cannot be read, or a line is no setting or names one that there is not.
    """
    if not source.is_file():
        return
    try:
        words = source.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingError(
            msg("The settings file is not UTF-8 text."),
            place=Place(source=str(source)),
            remedy=msg("Save it as UTF-8."),
        ) from None
    except OSError as error:
        raise SettingError(
            msg("The settings file cannot be read: {reason}.", reason=system_reason(error)),
            place=Place(source=str(source)),
            remedy=msg("Let this user read it."),
        ) from None
    for binding in parse_stream(io.StringIO(words)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingError(
                msg("This is not a setting."),
                place=Place(source=str(source), line=binding.original.line),
                remedy=msg("Write NAME=value, and # before a remark."),
            )
        if meant := _meant_setting(binding.key or ""):
            raise SettingError(
                msg("There is no setting {name}.", name=binding.key or ""),
                place=Place(source=str(source), line=binding.original.line),
                remedy=msg("Did you mean {name}?", name=meant),
            )


def _meant_setting(name: str) -> str:
    """Return the setting that a name of the file was meant to be; empty for one, and for others'.

    The file may hold names of other programs, such as those that docker-compose.yml asks for.
    """
    if name.upper() in _NAMES:
        return ""
    return next(iter(get_close_matches(name.upper(), _NAMES, n=1, cutoff=_NEARLY)), "")


def signing_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the keys for tokens, making one in ``data_dir`` the first time when none is set."""
    if settings.secret_keys:
        return tuple(key.get_secret_value().encode() for key in settings.secret_keys)
    path = settings.data_dir / "secret.key"
    if not path.exists():
        _make_key(path)
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:  # noqa: PLR2004 - as for keys that are set
        raise SettingError(
            msg("The signing key is shorter than 32 characters."),
            place=Place(source=str(path)),
            remedy=msg("Remove the file if no email has been sent yet, or set SECRET_KEYS."),
        )
    return (key.encode(),)


def _make_key(path: Path) -> None:
    """Write a new key whole or not at all: of two processes at once, one makes it for both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(secrets.token_urlsafe(48))
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
