"""The Secret keys that a resource names."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.api.v1alpha1.base import SecretKeyRef


@dataclass(frozen=True, slots=True, order=True)
class SecretReference:
    """One use of a Secret key: where in the resource, and which key of which Secret."""

    path: str
    name: str
    key: str


def secret_references(resource: CRMMonitoring) -> tuple[SecretReference, ...]:
    """Return every reference of the resource to a Secret key, ordered by its path."""
    return tuple(sorted(_walk("spec", resource.spec)))


def _walk(path: str, value: object) -> Iterator[SecretReference]:
    if isinstance(value, SecretKeyRef):
        yield SecretReference(path, value.name, value.key)
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _walk(f"{path}.{field.alias or name}", getattr(value, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _walk(f"{path}[{index}]", item)
