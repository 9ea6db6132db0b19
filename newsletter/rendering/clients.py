"""CSS and HTML that mail programs lack: ``client_features.toml`` and ``client_support.json``.

A feature is listed if its absence breaks the layout or hides content in a widely used program. A
feature whose absence only makes mail plainer is left out.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from newsletter.i18n.messages import Message
from newsletter.issues.checks.findings import Severity

#: Written by ``python -m tests.support.caniemail``.
SUPPORT_FILE = Path(__file__).with_name("client_support.json")
_FEATURES_FILE = Path(__file__).with_name("client_features.toml")

FeatureKind = Literal["css", "word", "html", "picture", "link"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(_Record):
    """A feature that preflight searches for.

    Attributes:
        kind: A property (or ``property:value``), a word anywhere in style sheets, an element, the
            extension of an image file, or the beginning of a link.
        support: The feature of caniemail.com that lists the programs without it.
        lacking: Further programs without it.
    """

    kind: FeatureKind
    names: tuple[str, ...]
    severity: Severity
    remedy: str
    support: str = ""
    lacking: tuple[str, ...] = ()


class Features(_Record):
    """The contents of the file of features."""

    remedies: dict[str, str]
    features: tuple[Feature, ...]


class _Support(_Record):
    source: str
    date: str
    lacking: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lack:
    """A feature and the programs without it.

    Attributes:
        name: As written in CSS or HTML; ``property:value`` for one value of a property.
    """

    name: str
    clients: tuple[str, ...]
    severity: Severity
    remedy: Message


def read_features() -> Features:
    """Read the file of features."""
    return Features.model_validate(tomllib.loads(_FEATURES_FILE.read_text(encoding="utf-8")))


@cache
def lacks(kind: FeatureKind) -> dict[str, Lack]:
    """Return the features of a kind that some program lacks, by name."""
    file = read_features()
    support = _Support.model_validate_json(SUPPORT_FILE.read_text(encoding="utf-8"))
    lacking = {}
    for feature in file.features:
        clients = (*support.lacking.get(feature.support, ()), *feature.lacking)
        if feature.kind == kind and clients:
            for name in feature.names:
                lacking[name] = Lack(
                    name=name,
                    clients=clients,
                    severity=feature.severity,
                    remedy=Message(file.remedies[feature.remedy]),
                )
    return lacking
