"""The schema of the status. It is written by the operator only, so it has no model."""

from typing import Any

from crm_monitoring.api.conditions import ConditionType

BIRTH = {
    "type": ConditionType.READY.value,
    "status": "Unknown",
    "reason": "Pending",
    "message": "The operator has not looked at this resource yet. If this stays, check that it runs and watches the namespace.",
    "lastTransitionTime": "1970-01-01T00:00:00Z",
}
"""The condition of a resource that nobody has looked at. It is the schema's default, so birth needs no write."""

_CAMEL_CASE = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


def _text(description: str, longest: int, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, "maxLength": longest, **more}


def _count(description: str) -> dict[str, Any]:
    return {"type": "integer", "format": "int64", "minimum": 0, "description": description}


_GENERATION = _count("Generation of the resource that this was computed from.")

_CONDITION = {
    "type": "object",
    "description": "One statement about the resource.",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": _text("What the condition is about, for example Ready.", 64, minLength=1, pattern=_CAMEL_CASE),
        "status": {
            "type": "string",
            "enum": ["True", "False", "Unknown"],
            "description": "Whether it holds. Unknown: it cannot be said yet.",
        },
        "reason": _text("Why, in one word for programs.", 64, minLength=1, pattern=_CAMEL_CASE),
        "message": _text("Why, in words for people: the field that is concerned and the next step.", 32768),
        "lastTransitionTime": {
            "type": "string",
            "format": "date-time",
            "maxLength": 40,
            "description": "When status last changed.",
        },
        "observedGeneration": _GENERATION,
    },
}

_RESOURCE = {
    "type": "object",
    "description": "One object that this resource asks for.",
    "required": ["kind", "name", "state"],
    "properties": {
        "kind": _text("Kind of the object.", 63),
        "name": _text("Name of the object, in the namespace of this resource.", 253),
        "state": _text(
            "How it stands, for example Applied, or WouldCreate, WouldChange and WouldDelete with mode: Observe.", 64
        ),
        "message": _text("What keeps the object from being as it should.", 4096),
    },
}

_RULES = {
    "type": "object",
    "description": "How many Prometheus rules were made.",
    "properties": {
        "recording": _count("Number of recording rules."),
        "alerting": _count("Number of alerting rules."),
    },
}


def status_schema() -> dict[str, Any]:
    """Return the structural schema of `.status`."""
    return {
        "type": "object",
        "description": "How the operator sees the resource. Written by the operator only.",
        "default": {"conditions": [BIRTH]},
        "properties": {
            "observedGeneration": _GENERATION,
            "conditions": {
                "type": "array",
                "description": "Statements about the resource. Ready sums the others up.",
                "maxItems": 32,
                "items": _CONDITION,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            "resources": {
                "type": "array",
                "description": "The objects that this resource asks for, and how each stands.",
                "maxItems": 128,
                "items": _RESOURCE,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["kind", "name"],
            },
            "rules": _RULES,
            "warnings": {
                "type": "array",
                "description": "What is accepted but rarely meant. Nothing waits for it.",
                "maxItems": 64,
                "items": {"type": "string", "maxLength": 4096},
                "x-kubernetes-list-type": "atomic",
            },
        },
    }
