"""The credentials that notifications need: whether they exist and have the right shape. Values are never repeated."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crm_monitoring.api.conditions import ConditionType, Finding, Reason
from crm_monitoring.api.references import SecretReference, secret_references
from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.render import secret_types
from crm_monitoring.render.bundle import Secrets
from crm_monitoring.render.secret_types import Withheld
from crm_monitoring.sealed import Sealed

MAX_URL = 2048
MAX_PASSWORD = 1024

ENVIRONMENT_REFERENCE = re.compile(r"\$\([A-Za-z0-9_]+\)")
"""What prometheus-operator's config reloader replaces by environment variables; an unknown one stops the Alertmanager."""

_PATH_CHARACTERS = r"(?:[-A-Za-z0-9._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:(?:[-A-Za-z0-9._~!$&'()*+,;=:]|%[0-9A-Fa-f]{2})+@)?"
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9_](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    rf"(?:/{_PATH_CHARACTERS})?"
    rf"(?:\?(?:{_PATH_CHARACTERS}|\?)*)?"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of credential."""

    field: str
    """Name of the reference in the resource."""
    setting: str
    """Name of the setting in alertmanager.yaml."""
    placeholder: str
    """A value of this shape that opens nothing."""
    problem: Callable[[str], str | None]
    """What is wrong with a value, in words that follow its name, or None."""


def _routing_key_problem(value: str) -> str | None:
    if re.fullmatch(r"[A-Za-z0-9]{32}", value):
        return None
    return "is not a routing key of PagerDuty's Events API v2, which is 32 letters and digits"


def _url_problem(value: str) -> str | None:
    if len(value) > MAX_URL:
        return f"is longer than {MAX_URL} characters"
    match = _URL.fullmatch(value)
    if not match or int(match["port"] or 1) not in range(1, 65536) or not _is_address(match["ipv6"]):
        return "is not an address such as https://host/path"
    return None


def _is_address(ipv6: str | None) -> bool:
    try:
        return ipv6 is None or bool(ipaddress.IPv6Address(ipv6))
    except ValueError:
        return False


def _https_problem(value: str) -> str | None:
    return _url_problem(value) or (None if value.startswith("https://") else "does not start with https://")


def _password_problem(value: str) -> str | None:
    return f"is longer than {MAX_PASSWORD} characters" if len(value) > MAX_PASSWORD else None


SHAPES = (
    Shape("routingKeySecretRef", "routing_key", "0" * 32, _routing_key_problem),
    Shape("webhookUrlSecretRef", "api_url", "https://redacted.invalid/slack", _https_problem),
    Shape("urlSecretRef", "url", "https://redacted.invalid/webhook", _url_problem),
    Shape("authPasswordSecretRef", "auth_password", "redacted", _password_problem),
)
"""Every kind of credential in `spec.notifications`."""

_BY_FIELD = {shape.field: shape for shape in SHAPES}


def text_problem(value: str) -> str | None:
    """Return what makes a text unfit for any configuration file, or None."""
    if not value:
        return "is empty"
    if value.endswith(("\n", "\r")):
        return "ends with a newline"
    if value != value.strip():
        return "starts or ends with white space"
    if not value.isprintable():
        return "holds control characters"
    if ENVIRONMENT_REFERENCE.search(value):
        return "holds $(NAME), which prometheus-operator would replace by an environment variable"
    return None


def value_problem(shape: Shape, value: str) -> str | None:
    """Return what is wrong with a credential, or None."""
    return text_problem(value) or shape.problem(value)


def notification_references(resource: CRMMonitoring) -> tuple[SecretReference, ...]:
    """Return the references below `spec.notifications`."""
    return tuple(r for r in secret_references(resource) if r.path.startswith("spec.notifications."))


def findings(resource: CRMMonitoring, secrets: Secrets) -> tuple[Finding, ...]:
    """Return everything that is wrong with the Secrets behind `spec.notifications`, by path; no value is repeated."""
    namespace = resource.metadata.namespace
    return tuple(_findings(namespace, secrets, notification_references(resource)))


def _findings(namespace: str, secrets: Secrets, references: tuple[SecretReference, ...]) -> Iterator[Finding]:
    for reference in references:
        content = secrets.get(reference.name)
        if isinstance(content, Withheld):
            message = secret_types.problem(reference.path, reference.name, content)
            yield Finding(ConditionType.NOTIFICATIONS, Reason.SECRET_REFUSED, message)
        elif content is None:
            problem = (
                f"Secret {reference.name}, needed for its key {reference.key}, does not exist in namespace {namespace}"
            )
            keys = sorted({other.key for other in references if other.name == reference.name})
            yield _finding(Reason.SECRET_MISSING, reference, problem, _create(namespace, reference.name, keys))
        elif reference.key not in content:
            problem = f"Secret {reference.name} in namespace {namespace} has no key {reference.key}"
            yield _finding(Reason.SECRET_MISSING, reference, problem, _set(namespace, reference))
        elif wrong := _problem(_BY_FIELD[_field(reference)], content[reference.key]):
            problem = f"the value of key {reference.key} in Secret {reference.name}, namespace {namespace}, {wrong}"
            yield _finding(Reason.SECRET_INVALID, reference, problem, _set(namespace, reference))


def _problem(shape: Shape, sealed: Sealed) -> str | None:
    try:
        value = sealed.reveal().decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    return value_problem(shape, value)


def _field(reference: SecretReference) -> str:
    return reference.path.rpartition(".")[2]


def _finding(reason: Reason, reference: SecretReference, problem: str, command: str) -> Finding:
    return Finding(ConditionType.NOTIFICATIONS, reason, f"{reference.path}: {problem}; set it with: {command}")


def _create(namespace: str, name: str, keys: list[str]) -> str:
    literals = " ".join(f"--from-literal={key}=<value>" for key in keys)
    return f"kubectl -n {namespace} create secret generic {name} {literals}"


def _set(namespace: str, reference: SecretReference) -> str:
    change = f'{{"stringData":{{"{reference.key}":"<value>"}}}}'
    return f"kubectl -n {namespace} patch secret {reference.name} --type merge -p '{change}'"


def placeholders(resource: CRMMonitoring) -> Secrets:
    """Return Secrets for every reference below `spec.notifications`, with values of the right shape that open nothing."""
    contents: dict[str, dict[str, Sealed]] = {}
    for reference in notification_references(resource):
        value = _BY_FIELD[_field(reference)].placeholder
        contents.setdefault(reference.name, {})[reference.key] = Sealed(value.encode())
    return contents
