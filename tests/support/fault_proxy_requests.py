"""Requests to the API server in the words of RBAC, and patterns for them."""

from collections.abc import Mapping
from dataclasses import dataclass

_VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks. Empty strings where it names nothing: no namespace is all namespaces."""

    verb: str
    """get, list, watch, create, update, delete, patch; `apply` for a server-side apply."""
    resource: str
    """The plural, or the path of something that is no resource."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    limit: str = ""
    """Most objects in a page of a list: who lists the same kind can be told by it."""

    def __str__(self) -> str:
        place = "/".join(filter(None, (self.namespace, self.name)))
        return " ".join(filter(None, (self.verb, self.resource, place, self.subresource)))

    @property
    def writes(self) -> bool:
        """Say whether the request could change something."""
        return self.verb not in {"get", "list", "watch"}

    @classmethod
    def of(cls, method: str, path: str, query: Mapping[str, str], content_type: str) -> "Asked":
        """Read a request."""
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:] if parts[0] == "apis" else []
        if not rest:
            return cls("get", path)
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        resource, name, subresource = (*rest, "", "")[:3]
        if method == "GET":
            verb = "get" if name else "watch" if query.get("watch") in {"1", "true"} else "list"
        elif method == "PATCH":
            verb = "apply" if content_type.startswith("application/apply-patch") else "patch"
        else:
            verb = _VERBS.get(method, method.lower())
        return cls(verb, resource, namespace, name, subresource, query.get("limit", "") if verb == "list" else "")


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern: what is None matches anything."""

    verb: str | None = None
    resource: str | None = None
    name: str | None = None
    subresource: str | None = None
    namespace: str | None = None

    def __call__(self, asked: Asked) -> bool:
        wanted = (self.verb, self.resource, self.name, self.subresource, self.namespace)
        found = (asked.verb, asked.resource, asked.name, asked.subresource, asked.namespace)
        return all(one is None or one == other for one, other in zip(wanted, found, strict=True))


ANYTHING = Match()
