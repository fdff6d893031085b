"""The Secrets that resources name: from a file, or placeholders of the right shape."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from crm_monitoring.api.references import secret_references
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.cli.exits import Failure
from crm_monitoring.cli.loading import DEFAULT_NAMESPACE
from crm_monitoring.cli.sources import Source, read_whole
from crm_monitoring.manifest import SECRET
from crm_monitoring.render import secret_values
from crm_monitoring.render.bundle import Secrets
from crm_monitoring.render.secret_types import withheld
from crm_monitoring.sealed import Sealed

_CERTIFICATE = Sealed(b"-----BEGIN CERTIFICATE-----")
_TOKEN = Sealed(b"redacted")


class SecretFile:
    """Secrets in files, by namespace and name."""

    def __init__(self, names: Iterable[str], namespace: str | None) -> None:
        self._default = namespace or DEFAULT_NAMESPACE
        self._contents: dict[tuple[str, str], dict[str, Sealed]] = {}
        for source in read_whole(names):
            if source.body["kind"] == SECRET.name:
                self._add(source)

    def for_resource(self, resource: CRMMonitoring) -> Secrets:
        """Return every Secret that a resource names; None where the files hold none of that name."""
        here = resource.metadata.namespace
        return {each.name: self._contents.get((here, each.name)) for each in secret_references(resource)}

    def _add(self, source: Source) -> None:
        metadata = source.body.get("metadata")
        if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
            raise Failure(f"{source.place}: metadata.name: is required")
        values = dict(_decoded(source)) | dict(_texts(source))
        refused = withheld(source.body)
        self._contents[metadata.get("namespace", self._default), metadata["name"]] = (
            values if refused is None else refused
        )


def placeholders(resource: CRMMonitoring) -> Secrets:
    """Return Secrets for every reference of a resource, with values of the right shape that open nothing."""
    contents = {name: dict(content or {}) for name, content in secret_values.placeholders(resource).items()}
    for reference in secret_references(resource):
        value = _CERTIFICATE if reference.path.endswith(".caSecretRef") else _TOKEN
        contents.setdefault(reference.name, {}).setdefault(reference.key, value)
    return contents


def _decoded(source: Source) -> Iterable[tuple[str, Sealed]]:
    for key, value in _entries(source, "data"):
        try:
            yield key, Sealed(base64.b64decode("".join(value.split()), validate=True))
        except (binascii.Error, ValueError):
            raise Failure(f"{source.place}: data.{key}: is not base64; stringData takes plain text") from None


def _texts(source: Source) -> Iterable[tuple[str, Sealed]]:
    for key, value in _entries(source, "stringData"):
        yield key, Sealed(value.encode())


def _entries(source: Source, field: str) -> Iterable[tuple[str, str]]:
    content: Any = source.body.get(field) or {}
    if not isinstance(content, dict):
        raise Failure(f"{source.place}: {field}: must be a map")
    for key, value in content.items():
        if not isinstance(value, str):
            raise Failure(f"{source.place}: {field}.{key}: must be text; put it in quotes")
        yield str(key), value
