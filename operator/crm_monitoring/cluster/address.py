"""Where on the API server an object or a collection is found, and in which form it is asked for."""

import re

from crm_monitoring.cluster.answers import Call
from crm_monitoring.errors import Refused
from crm_monitoring.manifest import NAMESPACE

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


def path_of(call: Call) -> str:
    """Return the path of what is called; raise Refused for a name that could lead somewhere else."""
    kind = call.kind
    path = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if call.namespace is not None and kind != NAMESPACE:
        path += f"/namespaces/{_safe(call, call.namespace)}"
    path += f"/{kind.plural}"
    return path if call.name is None else f"{path}/{_safe(call, call.name)}"


def accept_of(call: Call) -> str:
    """Return the value of the header Accept: JSON, of the metadata alone where that is enough."""
    if not call.brief:
        return "application/json"
    form = "PartialObjectMetadataList" if call.verb == "list" else "PartialObjectMetadata"
    return f"application/json;as={form};g=meta.k8s.io;v=v1"


def _safe(call: Call, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(f"{call.verb} {call.resource}: the name or namespace is not valid")
    return name
