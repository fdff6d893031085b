"""From a pydantic model to the structural schema that an API server accepts.

What the server refuses or drops in silence is turned into what it understands: `$ref` is inlined, null is left to
absence, `const` becomes `enum`, keys of maps are checked by CEL, rules become `x-kubernetes-validations`.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

from crm_monitoring.api.v1alpha1.patterns import HINTS
from crm_monitoring.api.v1alpha1.rules import Rule

_KEPT = (
    "description",
    "type",
    "enum",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
"""Keywords that mean the same on both sides. Everything else is translated below or left out."""


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Return the structural schema of a model and of everything in it."""
    document = model.model_json_schema(by_alias=True, schema_generator=_WithRules)
    return _converted(document, document.get("$defs", {}))


def validations(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """Return the rules as an API server takes them."""
    return [
        {
            "rule": rule.cel,
            "message": f"{rule.field or 'this block'} {rule.message}",
            "reason": rule.reason,
            **({"fieldPath": f".{rule.field}"} if rule.field else {}),
        }
        for rule in rules
    ]


class _WithRules(GenerateJsonSchema):
    """pydantic's generator, which also notes the rules of a model and the defaults of whole blocks."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        document = super().model_schema(schema)
        model = schema["cls"]
        if rules := getattr(model, "rules", ()):
            document["x-kubernetes-validations"] = validations(rules)
        for name, field in model.model_fields.items():
            if field.default_factory is not None:
                # Written out, because the server checks rules on a default before it fills in the defaults within.
                default = _without_empty(field.get_default(call_default_factory=True))
                document["properties"][field.alias or name]["default"] = default
        return document


def _without_empty(value: Any) -> Any:
    """Return the JSON of a default, without what is absent or empty: those need no default."""
    if isinstance(value, BaseModel):
        value = {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}
    if isinstance(value, dict):
        below = {name: _without_empty(item) for name, item in value.items()}
        return {name: item for name, item in below.items() if item not in (None, [], {})}
    return list(value) if isinstance(value, tuple) else value


def _converted(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return one node of a JSON schema, and all below it, as a structural schema."""
    source = _resolved(node, definitions)
    result = {keyword: deepcopy(source[keyword]) for keyword in _KEPT if keyword in source}
    if result.get("default", ...) in (None, [], {}):
        del result["default"]
    if "const" in source:
        result["enum"] = [source["const"]]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in source:
            result[bound.lower()] = source[f"exclusive{bound}"]
            result[f"exclusive{bound}"] = True
    if "anyOf" in source:
        result |= _number_or_name(source["anyOf"])
    if "items" in source:
        result["items"] = _converted(source["items"], definitions)
    if "properties" in source:
        result["properties"] = {name: _converted(below, definitions) for name, below in source["properties"].items()}
    elif source.get("type") == "object":
        result |= _map(source, definitions)
    if "x-kubernetes-validations" in source:
        result.setdefault("x-kubernetes-validations", []).extend(source["x-kubernetes-validations"])
    return result


def _resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the node with its reference followed and its null alternative gone; what stands beside them wins."""
    beside = {keyword: value for keyword, value in node.items() if keyword not in ("$ref", "anyOf")}
    if "$ref" in node:
        return {**_resolved(definitions[node["$ref"].rpartition("/")[2]], definitions), **beside}
    if "anyOf" in node:
        members = [member for member in node["anyOf"] if member != {"type": "null"}]
        if len(members) == 1:
            return {**_resolved(members[0], definitions), **beside}
        return {**beside, "anyOf": members}
    return beside


def _number_or_name(members: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the one union that a structural schema knows: int-or-string. Each limit concerns its own type only."""
    by_type = {member["type"]: member for member in members}
    if by_type.keys() != {"integer", "string"}:
        raise TypeError(f"no structural schema for a union of {sorted(by_type)}")
    limits = {keyword: value for member in by_type.values() for keyword, value in member.items() if keyword in _KEPT}
    del limits["type"]
    return {"x-kubernetes-int-or-string": True, **limits}


def _map(source: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a map, and a rule for its keys, which a structural schema cannot describe."""
    patterns = source.get("patternProperties", {})
    values = next(iter(patterns.values()), source.get("additionalProperties", {}))
    limits = {"pattern": next(iter(patterns), None), **source.get("propertyNames", {})}
    conditions, words = [], []
    if names := limits.get("enum"):
        conditions.append(f"key in [{', '.join(f'{name!r}' for name in names)}]")
        words.append(f"one of {', '.join(names)}")
    if pattern := limits.get("pattern"):
        conditions.append(f"key.matches({_cel_string(pattern)})")
        words.append(HINTS[pattern])
    if longest := limits.get("maxLength"):
        conditions.append(f"size(key) <= {longest}")
        words.append(f"at most {longest} characters long")
    rule = {
        "rule": f"self.all(key, {' && '.join(conditions)})",
        "message": f"each key must be {', '.join(words)}",
        "reason": "FieldValueInvalid",
    }
    return {"additionalProperties": _converted(values, definitions), "x-kubernetes-validations": [rule]}


def _cel_string(text: str) -> str:
    """Return a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
