"""Which types of Secrets are read for a resource.

An author may name any Secret of the namespace. Tokens of service accounts, credentials of registries, keys of machines
and releases of Helm are there for others; whoever names one of them erred, or wants it sent to an address of theirs.
"""

from collections.abc import Mapping
from typing import Any

from crm_monitoring.sealed import Sealed

READ = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/tls")
"""A password or an address that somebody stored, and the certificates of an endpoint (`ca.crt`). Opaque is the default."""


class Withheld(dict[str, Sealed]):
    """What stands for the contents of a Secret of another type: nothing."""

    def __init__(self, type_: str) -> None:
        super().__init__()
        self.type = type_


def withheld(secret: Mapping[str, Any]) -> Withheld | None:
    """Return what to use in place of a Secret's contents, or None when they may be read."""
    type_ = str(secret.get("type") or READ[0])
    return None if type_ in READ else Withheld(type_[:100])


def problem(path: str, name: str, content: Withheld) -> str:
    """Return what is wrong with a reference to such a Secret and what would be accepted."""
    return (
        f"{path}: Secret {name} is of type {content.type}, which is not read; types that are: {', '.join(READ)}. "
        f"Name a Secret of your own that holds only this value"
    )
