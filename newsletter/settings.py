"""Settings: read once from the environment and ``.env``, validated, and immutable.

This is the only module that reads environment variables. `.env.example` documents all of them.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from contextlib import suppress
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

from newsletter.disk import write_once
from newsletter.errors import Place, SettingError, system_reason
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Alternatives
from newsletter.validation import WrongValueError, message_of

_PACKAGE = Path(__file__).resolve().parent


def shipped_templates() -> Path:
    """Return the folder of templates, in the checkout or in the installed package."""
    checkout = _PACKAGE.parent / "templates"
    return checkout if checkout.is_dir() else _PACKAGE / "_templates"


def template_folders(templates_dir: Path, kind: str) -> tuple[Path, ...]:
    """Return the search path for templates of a kind (``email``, ``web``), the operator's first.

    Templates that the operator's folder lacks are taken from the product's.
    """
    return tuple(dict.fromkeys((templates_dir / kind, shipped_templates() / kind)))


#: URL schemes that Celery and our own clients support.
_BROKERS = ("redis://", "rediss://")
#: Providers whose webhooks are authenticated by a secret that the operator chooses.
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
#: Providers whose webhooks are signed with a secret that the provider issues.
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
#: A host name, without a port. IP addresses are validated separately.
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
#: A value of Authentication-Results (RFC 8601 section 2.5).
_AUTHSERV_ID = re.compile(r"[^\s;,\"]+")


#: The names of this machine in URLs.
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Every setting of the product; the name in the environment is the field's in upper case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, env_file_encoding="utf-8"
    )

    #: The folder of SQLite, journals, keys and runtime state, unless another setting moves them.
    data_dir: Path = Path("var")
    #: SQLAlchemy URL; empty for SQLite in ``data_dir``.
    database_url: str = ""
    #: Timeout of statements in seconds; PostgreSQL counts as away if it does not reply for longer.
    database_timeout: int = Field(default=45, ge=5, le=3600)
    #: Redis URL; if empty, commands start a Valkey server of their own while they need one.
    redis_url: str = ""
    #: Comma-separated keys; the first signs, all verify. If empty, one is stored in ``data_dir``.
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8000, ge=1, le=65535)
    #: The base URL of the web application in all links of mails; by default, this machine's.
    public_url: str = Field(
        default_factory=lambda others: f"http://127.0.0.1:{others.get('web_port', 8000)}"
    )
    #: Comma-separated addresses or networks of proxies whose ``X-Forwarded-For`` is trusted.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated further host names that requests may name, besides that of ``public_url``.
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated transports: ``smtp://user:secret@host:587?tls=starttls``, ``smtps://…``,
    #: ``directory:///path``. If empty, mail is delivered into a mailbox on this machine.
    mail_transports: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    #: Whether the return path contains the delivery, signed: ``bounces+TOKEN@domain``.
    signed_return_path: bool = True
    #: The sender of mail to accounts, ``Name <address>``; empty for a newsletter's sender.
    account_sender: str = ""
    #: The return path of mail to accounts; empty for the null return path, without bounces.
    account_return_path: str = ""
    #: Comma-separated ``domain:selector:file`` of private DKIM keys in PEM; mail of a domain with
    #: two keys is signed by both.
    dkim_keys: Annotated[tuple[str, ...], NoDecode] = ()
    #: Comma-separated ``domain=messages per second``, for all workers together.
    domain_rates: Annotated[dict[str, float], NoDecode] = Field(default_factory=dict)
    #: The file of a mailbox on this machine, which the web shows under /inbox; for trying out.
    mailbox_file: Path | None = None
    #: The number of deliveries in a batch, the unit of a Celery task.
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    #: The number of processes that ``newsletter worker`` starts.
    worker_processes: int = Field(default=2, ge=1, le=64)
    #: Seconds without renewal after which a lease of a worker on another host expires.
    lease_seconds: int = Field(default=60, ge=10, le=3600)
    #: Hours for which a worker host keeps its journals, from which outcomes are restored after a
    #: failover or a restored backup. About 200 bytes per message.
    journal_hours: int = Field(default=48, ge=1, le=2400)
    #: Hours for which a deferred delivery is tried again.
    retry_hours: int = Field(default=48, ge=1, le=240)
    #: Minutes of delay, or of a standstill of all workers, after which a mailing still continues by
    #: itself.
    grace_minutes: int = Field(default=60, ge=1, le=10_080)
    #: The maximum number of confirmation mails to one address per day.
    join_limit_address: int = Field(default=3, ge=1, le=100)
    #: The maximum number of requests to join from one network (IPv4 /24, IPv6 /64) per hour.
    join_limit_network: int = Field(default=20, ge=1, le=100_000)
    #: The maximum number of requests to join one newsletter per hour.
    join_limit_newsletter: int = Field(default=1000, ge=1, le=1_000_000)
    #: The same limits for requests without proof of work, from browsers without scripts.
    join_limit_network_unproven: int = Field(default=5, ge=1, le=100_000)
    join_limit_newsletter_unproven: int = Field(default=100, ge=1, le=1_000_000)
    #: Comma-separated domains that are always accepted, even if listed as disposable.
    join_allowed_domains: Annotated[tuple[str, ...], NoDecode] = ()
    #: Whether DNS is queried if a domain accepts mail. Nobody is refused if DNS does not reply.
    join_ask_dns: bool = True
    #: Whether mail to ``join+NEWSLETTER@DOMAIN`` that the intake receives is a request to join.
    join_by_mail: bool = False
    #: The authserv-id (RFC 8601) of the mail server in front of the intake. Its DMARC results in
    #: Authentication-Results are trusted; authenticated requests have the wider limits.
    join_trusted_mta: str = ""
    #: Days for which the link of a confirmation mail is valid.
    confirm_days: int = Field(default=7, ge=1, le=60)
    #: Days after the link's expiry when unconfirmed requests are deleted.
    forget_unconfirmed_days: int = Field(default=7, ge=0, le=365)
    #: The precision of network addresses in consent records: ``network`` (/24, /48), ``none``,
    #: ``full``.
    consent_network: Literal["network", "none", "full"] = "network"
    #: The token for POST /api/unsubscribe; if empty, this is disabled.
    api_token: SecretStr | None = None
    #: Comma-separated secrets of webhooks, by provider; several while one is being replaced. If
    #: empty, the provider's webhook is disabled.
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
    #: Where `newsletter bounce listen` accepts mail: ``lmtp://host:port``, ``lmtp:///socket``,
    #: ``smtp://host:port``.
    bounce_listen: str = "lmtp://127.0.0.1:8024"
    #: The mailbox of `newsletter bounce fetch`: ``imaps://user:secret@host/INBOX``, ``pop3s://…``.
    bounce_mailbox: SecretStr | None = None
    #: Seconds between two checks of a mailbox whose server does not support IDLE.
    bounce_poll_seconds: int = Field(default=60, ge=1, le=86_400)
    #: Days for which the rows of the bounce log are kept, and their original reports.
    bounce_retention_days: int = Field(default=400, ge=30, le=3650)
    bounce_raw_days: int = Field(default=90, ge=1, le=3650)
    templates_dir: Path = Field(default_factory=shipped_templates)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    #: ``text`` for people, ``json`` for log collectors: one object per line.
    log_format: Literal["text", "json"] = "text"
    #: The token for reading /metrics; without it, only this machine may.
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
        """Refuse truncated secrets; the shortest known one is Mandrill's, with 22 characters."""
        if any(len(key.get_secret_value()) < 16 for key in value):  # noqa: PLR2004
            raise WrongValueError(msg("Each key must have at least 16 characters: copy it whole."))
        return value

    @field_validator("webhook_ses")
    @classmethod
    def _are_topics(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        """Require complete ARNs: the webhooks of all other topics are refused."""
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
        """Require host names as in requests: one with a scheme or a port would never match."""
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
        """Require scheme, host and port without a path: pages are served at the root of a host."""
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
        """Whether the web application is reachable from this machine only."""
        return urlsplit(self.public_url).hostname in LOOPBACK

    @property
    def public_url_is_plain(self) -> bool:
        """Whether pages, passwords and links are transmitted unencrypted between machines."""
        return self.public_url.startswith("http://") and not self.is_local

    @property
    def effective_database_url(self) -> str:
        """The database URL; by default, of an SQLite file in ``data_dir``."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'newsletter.sqlite3').resolve()}"

    @property
    def account_mail_is_refused(self) -> bool:
        """Whether a relay rejects mail to accounts: Amazon SES accepts no null return path."""
        hosts = (urlsplit(url.get_secret_value()).hostname or "" for url in self.mail_transports)
        return not self.account_return_path and any(
            host.endswith(".amazonaws.com") for host in hosts
        )

    @property
    def webhook_secrets(self) -> dict[str, tuple[str, ...]]:
        """The secrets of webhooks, by provider, for those that are set."""
        return {
            name.removeprefix("webhook_"): tuple(key.get_secret_value() for key in keys)
            for name in _WEBHOOKS
            if (keys := getattr(self, name))
        }

    @property
    def journal_dir(self) -> Path:
        """The folder of the worker processes' journals."""
        return self.data_dir / "journals"

    @property
    def unsubscribe_spool_dir(self) -> Path:
        """The folder of requests to unsubscribe that wait for the database, on each web host."""
        return self.data_dir / "unsubscribe-spool"


def _domain(name: str) -> str:
    """Return a domain in lower case and ASCII."""
    try:
        return idna.encode(name.lower(), uts46=True).decode("ascii")
    except idna.IDNAError:
        raise WrongValueError(msg("Each value must be a domain, such as example.jp.")) from None


def _is_host(name: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(name))
    return _HOST.fullmatch(name) is not None


def _in_ascii(scheme: str, authority: str) -> Message:
    """Return the remedy for a non-ASCII host: its ASCII form, if it is valid."""
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


#: The names of the settings in the environment and the file.
_NAMES = tuple(name.upper() for name in Settings.model_fields)
#: The similarity of a misspelled name to a setting: one or two letters in ten differ.
_NEARLY = 0.85
#: The environment variable with the file that child processes read instead of ``.env``.
SETTINGS_FILE = "SETTINGS_FILE"


def read_only_file(env_file: Path) -> None:
    """Make this process and its children read their settings from one file only.

    Settings of a real installation, in the environment or ``.env``, are ignored then.
    """
    for name in _NAMES:
        os.environ.pop(name, None)
    os.environ[SETTINGS_FILE] = str(env_file.resolve())


def load_settings(env_file: Path | None = None) -> Settings:
    """Read the settings; the environment takes precedence over the file.

    Args:
        env_file: The file, which must exist. If None, the file named by SETTINGS_FILE, or ``.env``
            in the present folder if it exists.

    Raises:
        SettingError: A setting is not valid; the message names it.
    """
    if env_file is None and (named := os.environ.get(SETTINGS_FILE)):
        env_file = Path(named)
    if env_file is not None and not env_file.is_file():
        raise SettingError(
            msg("The settings file does not exist."), place=Place(source=str(env_file))
        )
    source = Path(".env") if env_file is None else env_file
    _require_whole(source)
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


def _require_whole(source: Path) -> None:
    """Check that no line of a file would be ignored, which would leave its setting at the default.

    Raises:
        SettingError: The file cannot be read, or a line is not a setting, or its name is unknown.
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
    """Return the setting of which a name is a misspelling; empty if it is none.

    The file may contain variables of other programs, such as those for docker-compose.yml.
    """
    if name.upper() in _NAMES:
        return ""
    return next(iter(get_close_matches(name.upper(), _NAMES, n=1, cutoff=_NEARLY)), "")


def signing_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return the keys for tokens; if none is set, a key is created in ``data_dir``."""
    if settings.secret_keys:
        return tuple(key.get_secret_value().encode() for key in settings.secret_keys)
    path = settings.data_dir / "secret.key"
    if not path.exists():
        # If two processes do so at once, both use the same key.
        write_once(path, secrets.token_urlsafe(48).encode())
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:  # noqa: PLR2004 - the same minimum as for keys in settings
        raise SettingError(
            msg("The signing key is shorter than 32 characters."),
            place=Place(source=str(path)),
            remedy=msg("Remove the file if no email has been sent yet, or set SECRET_KEYS."),
        )
    return (key.encode(),)
