"""Where on the API server an object or a collection is found."""

import re

from crm_monitoring.cluster.answers import Call
from crm_monitoring.errors import Refused

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,252}")


def path_of(call: Call) -> str:
    """Return the path of what is called; raise Refused for a name that could lead somewhere else."""
    kind = call.kind
    path = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if call.namespace is not None:
        path += f"/namespaces/{_safe(call, call.namespace)}"
    path += f"/{kind.plural}"
    return path if call.name is None else f"{path}/{_safe(call, call.name)}"


def _safe(call: Call, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Refused(f"{call.verb} {call.resource}: the name or namespace is not valid")
    return name
