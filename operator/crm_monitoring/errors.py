"""The error tree. Each class says what its reader must do.

* MonitoringError
  + InvalidSpec              a person must edit the resource; every problem is listed with its path
  + ClusterError             the API server did not do what was asked
    - Unavailable            wait and try again: time-out, connection lost, 429, 5xx
    - Conflict               somebody else changed the object or owns the field; look again
    - Refused                the API server will never accept this object as it is: 400, 413, 422
    - Forbidden              a cluster administrator must grant a permission
    - NamespaceTerminating   nothing to do: the namespace is going away
    - DependencyMissing      a kind is not served: its CustomResourceDefinition must be installed
    - NotLeading             this replica lost the lease: stop writing
  + SettingsError            the operator's own environment or flags are wrong

Messages are fixed texts and names of fields and objects. They never hold a response body or a value of a Secret,
so they may go into logs, events and conditions as they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a resource: the path of the field, what is wrong and what would be accepted."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class MonitoringError(Exception):
    """The root of every error that this program raises on purpose."""

    reason: ClassVar[str] = "Error"

    @property
    def message(self) -> str:
        """Return the text for a person, safe to show anywhere."""
        return str(self)


class InvalidSpec(MonitoringError):
    """The resource cannot be compiled until somebody edits it."""

    reason = "InvalidSpec"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("; ".join(map(str, self.problems)))


class ClusterError(MonitoringError):
    """The API server did not do what was asked. Retrying is right unless a subclass says otherwise."""

    reason = "ClusterError"


class Unavailable(ClusterError):
    """The API server did not answer or asked for patience."""

    reason = "APIServerUnavailable"

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Conflict(ClusterError):
    """The object changed since it was read, exists already, or another manager owns a field."""

    reason = "Conflict"


class Refused(ClusterError):
    """The API server will never accept the object as it is."""

    reason = "Refused"


class Forbidden(ClusterError):
    """The operator's role lacks a permission."""

    reason = "Forbidden"


class NamespaceTerminating(ClusterError):
    """The namespace is being deleted, so nothing can or need be created in it."""

    reason = "NamespaceTerminating"


class DependencyMissing(ClusterError):
    """The API server does not serve a kind that is needed."""

    reason = "DependencyMissing"


class NotLeading(ClusterError):
    """This replica does not hold the lease (any more) and must not write."""

    reason = "NotLeading"


class SettingsError(MonitoringError):
    """The operator's environment or command line is wrong."""

    reason = "SettingsError"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("; ".join(map(str, self.problems)))
