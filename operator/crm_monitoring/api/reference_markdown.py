"""The reference of the resource as a page, made from the schema that the API server gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crm_monitoring.api.crd.schema import structural, validations
from crm_monitoring.api.crd.status import status_schema
from crm_monitoring.api.v1alpha1 import CRMMonitoring, Spec
from crm_monitoring.api.v1alpha1.patterns import HINTS
from crm_monitoring.manifest import CRM_MONITORING

_KEYS = "map, at most {maxProperties} entries"


@dataclass(frozen=True, slots=True)
class _Section:
    """The fields of one block, or of several that are alike, and the rules between them."""

    paths: tuple[str, ...]
    rows: tuple[str, ...]
    rules: tuple[str, ...]


def api_reference() -> str:
    """Return the page that lists every field with its type, default and description."""
    root = [f"- `{rule['fieldPath'][1:]}` {_after_field(rule)}." for rule in validations(CRMMonitoring.rules)]
    parts = [
        f"# {CRM_MONITORING.name}, {CRM_MONITORING.api_version}",
        "The API server checks all of this when a resource is written. Expressions, templates and time zones it cannot "
        "check; the operator does, and reports `Valid=False`.",
        "\n".join(root),
        *(_page(section) for section in _merged(_sections("spec", structural(Spec)))),
        *(_page(section) for section in _merged(_sections("status", status_schema()))),
    ]
    return "\n\n".join(parts) + "\n"


def _page(section: _Section) -> str:
    first, *others = section.paths
    parts = [f"## {first}"]
    if others:
        parts.append(f"The same fields: {', '.join(f'`{path}`' for path in others)}.")
    parts.append("\n".join(["| field | type | default | description |", "|---|---|---|---|", *section.rows]))
    if section.rules:
        parts.append("\n".join(section.rules))
    return "\n\n".join(parts)


def _merged(sections: Iterator[_Section]) -> list[_Section]:
    """Return the sections with blocks that are alike put together under all of their paths."""
    paths: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for section in sections:
        paths.setdefault((section.rows, section.rules), []).extend(section.paths)
    return [_Section(tuple(where), rows, rules) for (rows, rules), where in paths.items()]


def _sections(path: str, node: dict[str, Any]) -> Iterator[_Section]:
    """Yield the block and every block below it."""
    properties = node.get("properties", {})
    required = node.get("required", ())
    rows = tuple(_row(name, field, name in required) for name, field in sorted(properties.items()))
    yield _Section((path,), rows, tuple(_rules(node)))
    for name, field in sorted(properties.items()):
        block = field.get("items", field)
        if "properties" in block:
            yield from _sections(f"{path}.{name}{'[]' if block is not field else ''}", block)


def _row(name: str, field: dict[str, Any], required: bool) -> str:
    default = "required" if required else _default(field)
    return f"| `{name}` | {_cell(_type(field))} | {_cell(default)} | {_cell(field['description'])} |"


def _rules(node: dict[str, Any]) -> Iterator[str]:
    for rule in node.get("x-kubernetes-validations", ()):
        field = rule.get("fieldPath", "")[1:]
        yield f"- `{field}` {_after_field(rule)}." if field else f"- {rule['message'].replace('this', 'This', 1)}."


def _after_field(rule: dict[str, str]) -> str:
    return rule["message"].removeprefix(rule["fieldPath"][1:]).strip()


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if isinstance(value, dict):
        return "its fields' defaults"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value is None else f"`{value}`"


def _type(field: dict[str, Any]) -> str:
    """Return what may be written, in words."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return "number or name of a port"
    match field["type"]:
        case "string":
            return HINTS.get(field.get("pattern", ""), "text")
        case "integer":
            limits = [
                f"{word} {field[bound]}" for word, bound in (("from", "minimum"), ("to", "maximum")) if bound in field
            ]
            return " ".join(["whole number", *limits])
        case "boolean":
            return "`true` or `false`"
        case "array":
            what = "blocks" if "properties" in field["items"] else _type(field["items"])
            return f"list of at most {field['maxItems']}: {what}"
    return "block" if "properties" in field else _KEYS.format(**field)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
