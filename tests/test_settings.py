"""Settings are checked before anything starts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsletter.errors import SettingError
from newsletter.settings import Settings, load_settings, signing_keys


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _file(text: str) -> Path:
    path = Path("settings.env")
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_configured_keeps_everything_in_one_folder(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.effective_database_url == f"sqlite:///{tmp_path / 'var/newsletter.sqlite3'}"


def test_a_file_of_settings_is_read() -> None:
    assert load_settings(_file("BATCH_SIZE=25\n")).batch_size == 25


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_SIZE", "30")
    assert load_settings(_file("BATCH_SIZE=25\n")).batch_size == 30


def test_an_empty_setting_counts_as_not_set() -> None:
    assert load_settings(_file("BATCH_SIZE=\n")).batch_size == 1000


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("BATCH_SIZE=many", "BATCH_SIZE"),
        ("BATCH_SIZE=0", "BATCH_SIZE"),
        ("WEB_PORT=70000", "WEB_PORT"),
        ("SECRET_KEYS=short", "SECRET_KEYS"),
        ("PUBLIC_URL=example.jp", "PUBLIC_URL"),
        ("PUBLIC_URL=https://example.jp/mail", "without a path"),
        ("PUBLIC_URL=https://example.jp?x=1", "without a path"),
        ("PUBLIC_URL=https://example.jp/#top", "without a path"),
        ("PUBLIC_URL=https://user:secret@example.jp", "not contain a user name"),
        ("PUBLIC_URL=https://例え.jp", r"in ASCII: https://xn--r8jz45g\.jp"),
        ("PUBLIC_URL=https://市役所.example.jp/mail", r"https://xn--.*\.example\.jp"),
        ("PUBLIC_URL=https://exa mple.jp", "PUBLIC_URL"),
        ("PUBLIC_URL=https://example.jp:99999", "PUBLIC_URL"),
        ("PUBLIC_URL=https://", "PUBLIC_URL"),
        ("PUBLIC_URL=https://.example.jp", "PUBLIC_URL"),
        ("LOG_LEVEL=LOUD", "LOG_LEVEL"),
        ("REDIS_URL=foo", "REDIS_URL"),
        ("REDIS_URL=redis://localhost:port/0", "REDIS_URL"),
        ("DOMAIN_RATES=docomo.ne.jp=quick", "Each rate must be a number"),
        ("WEBHOOK_SES=bounces", "ARN of an SNS topic"),
        ("WEBHOOK_SES=arn:aws:sns:eu-west-1:1234:bounces", "ARN of an SNS topic"),
        ("WEBHOOK_MAILGUN=zz", "WEBHOOK_MAILGUN.*copy it whole"),
        ("WEBHOOK_MANDRILL=0123456789abcdef,zz", "WEBHOOK_MANDRILL.*copy it whole"),
        ("WEBHOOK_UNISENDER_GO=zz", "WEBHOOK_UNISENDER_GO.*copy it whole"),
        ("WEB_HOST=http://0.0.0.0", "WEB_HOST.*IP address or a host name"),
        ("WEB_HOST=0.0.0.0:8000", "WEB_HOST.*IP address or a host name"),
        ("ALLOWED_HOSTS=https://news.example.jp/", "ALLOWED_HOSTS.*without https://"),
        ("ALLOWED_HOSTS=news.example.jp:8000", "ALLOWED_HOSTS.*and port"),
        ("DOMAIN_RATES=https://docomo.ne.jp=5", "DOMAIN_RATES.*must be a domain"),
        ("JOIN_TRUSTED_MTA=mx.example.jp; dmarc=pass", "JOIN_TRUSTED_MTA.*one name"),
        ("DKIM_KEYS=example.jp", "domain:selector:file"),
        ("ACCOUNT_SENDER=事務局", "ACCOUNT_SENDER"),
        ("ACCOUNT_RETURN_PATH=事務局 <accounts@example.jp>", "ACCOUNT_RETURN_PATH"),
        ("TEMPLATES_DIR=/nowhere", "TEMPLATES_DIR"),
    ],
)
def test_a_wrong_setting_is_named(line: str, name: str) -> None:
    with pytest.raises(SettingError, match=name):
        load_settings(_file(line))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://News.Example.jp/", "https://news.example.jp"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://xn--r8jz45g.jp", "https://xn--r8jz45g.jp"),
    ],
)
def test_a_public_address_is_a_host_and_a_port(written: str, read: str) -> None:
    assert load_settings(_file(f"PUBLIC_URL={written}\n")).public_url == read


@pytest.mark.parametrize("host", ["192.0.2.1", "::", "localhost", "web_1", "news-2.example.jp"])
def test_a_host_is_an_address_or_a_name(host: str) -> None:
    settings = load_settings(_file(f"WEB_HOST={host}\nALLOWED_HOSTS={host}\n"))
    assert (settings.web_host, settings.allowed_hosts) == (host, (host,))


def test_words_to_choose_from_may_be_in_small_letters_or_large() -> None:
    settings = load_settings(_file("LOG_LEVEL=debug\nLOG_FORMAT=JSON\nCONSENT_NETWORK=None\n"))
    assert (settings.log_level, settings.log_format) == ("DEBUG", "json")
    assert settings.consent_network == "none"


def test_a_rate_may_name_a_domain_of_any_script() -> None:
    assert load_settings(_file("DOMAIN_RATES=例え.jp=5\n")).domain_rates == {"xn--r8jz45g.jp": 5.0}


def test_the_error_speaks_of_the_setting_alone() -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(_file("PUBLIC_URL=example.jp"))
    assert caught.value.what.startswith("The value must begin with https://")


def test_sentinel_is_refused_with_what_to_give_instead() -> None:
    with pytest.raises(SettingError, match="such as redis://redis") as caught:
        load_settings(_file("REDIS_URL=sentinel://sentinel.example:26379/0"))
    assert "REDIS_URL" in str(caught.value)


def test_the_error_does_not_repeat_a_secret() -> None:
    with pytest.raises(SettingError) as caught:
        load_settings(_file("SECRET_KEYS=tooshortbutsecret"))
    assert "tooshortbutsecret" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingError, match=r"nowhere\.env"):
        load_settings(Path("nowhere.env"))


def test_several_transports_are_split_at_commas() -> None:
    settings = load_settings(_file("MAIL_TRANSPORTS=smtp://a.example, smtp://b.example\n"))
    assert [url.get_secret_value() for url in settings.mail_transports] == [
        "smtp://a.example",
        "smtp://b.example",
    ]


def test_a_signing_key_is_made_once_and_kept() -> None:
    settings = load_settings()
    assert signing_keys(settings) == signing_keys(settings)


def test_the_signing_key_is_readable_by_its_owner_alone() -> None:
    settings = load_settings()
    signing_keys(settings)
    assert (settings.data_dir / "secret.key").stat().st_mode & 0o777 == 0o600


def test_the_example_explains_every_setting_and_what_compose_requires_and_no_other() -> None:
    example = Path(__file__).resolve().parents[1] / ".env.example"
    lines = example.read_text(encoding="utf-8").splitlines()
    named = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    compose = example.with_name("docker-compose.yml").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{(\w+):\?", compose))
    assert required >= {"SECRET_KEYS", "POSTGRES_PASSWORD", "REDIS_PASSWORD"}
    assert named == {name.upper() for name in Settings.model_fields} | required


def test_the_example_can_be_used_as_it_stands() -> None:
    example = Path(__file__).resolve().parents[1] / ".env.example"
    assert load_settings(example) == load_settings()


@pytest.mark.parametrize(
    ("relay", "path", "refused"),
    [
        ("smtp://u:p@email-smtp.ap-northeast-1.amazonaws.com:587?tls=starttls", "", True),
        ("smtp://u:p@email-smtp.ap-northeast-1.amazonaws.com:587", "accounts@example.jp", False),
        ("smtp://relay.example.jp:25", "", False),
        ("directory:///var/mail", "", False),
    ],
)
def test_mail_to_accounts_needs_a_return_path_where_the_relay_takes_no_null_one(
    relay: str, path: str, *, refused: bool
) -> None:
    settings = Settings.model_validate({"mail_transports": relay, "account_return_path": path})
    assert settings.account_mail_is_refused is refused


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"LOG_LEVEL=DEBUG\nBATCH_SIZE 100\n", ":2: This is not a setting."),
        (b"LOG_LEVEL=DEBUG\nBATCH_SIZE\n", ":2: This is not a setting."),
        (b"PUBLIC_URL='http://127.0.0.1\n", ":1: This is not a setting."),
        (b"# caf\xe9\n", "The settings file is not UTF-8 text."),
        (b"LOG_LEVEL=DEBUG\nPUBLIC_ULR=https://a.example\n", ":2: There is no setting PUBLIC_ULR."),
        (b"mail_transport=smtp://a.example\n", ":1: There is no setting mail_transport."),
        (b"SECRET_KEY=x\n", ":1: There is no setting SECRET_KEY."),
    ],
)
def test_a_settings_file_is_read_whole_or_refused(
    octets: bytes, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "env"
    file.write_bytes(octets)
    with pytest.raises(SettingError) as refused:
        load_settings(file)
    assert words in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "REDIS_PASSWORD", "VALKEY_IMAGE", "TZ"])
def test_a_settings_file_may_have_names_of_other_programs(name: str, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text(f"{name}=a\nbatch_size=100\n")
    assert load_settings(file).batch_size == 100


def test_a_settings_file_may_have_remarks_exports_and_values_of_several_lines(
    tmp_path: Path,
) -> None:
    file = tmp_path / "env"
    file.write_text('\ufeff# how much\n\nexport BATCH_SIZE=100 # at once\nOTHER="a\nb"\nEMPTY=\n')
    assert load_settings(file).batch_size == 100


def test_without_a_public_address_links_lead_to_the_port_that_is_served() -> None:
    assert load_settings(_file("WEB_PORT=8490\n")).public_url == "http://127.0.0.1:8490"
    assert load_settings(_file("")).public_url == "http://127.0.0.1:8000"
