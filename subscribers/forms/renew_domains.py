"""Update ``disposable_domains.txt`` from the package that mirrors the maintained list.

``make disposable-domains`` runs it in a separate environment with this package.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

_PACKAGE = "disposable-email-domains"
_HEAD = """\
# Domains of mailboxes that are given to anybody for a few minutes.
# Source: github.com/disposable-email-domains/disposable-email-domains, CC0 1.0 (public domain),
# as in {package} {version} on PyPI. Written by `make disposable-domains`; do not edit:
# JOIN_ALLOWED_DOMAINS takes a domain out.
"""


def main() -> None:
    """Write the file."""
    domains = sorted(import_module(_PACKAGE.replace("-", "_")).blocklist)
    head = _HEAD.format(package=_PACKAGE, version=version(_PACKAGE))
    target = Path(__file__).with_name("disposable_domains.txt")
    target.write_text(head + "\n".join(domains) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(domains):,} domains\n")


if __name__ == "__main__":
    main()
