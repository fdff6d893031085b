"""Near-valid resources: accepted ones in which one or a few things are wrong, or only nearly wrong."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from crm_monitoring.manifest import Manifest
from support.reliability.generate import Generator, Schema, spec_schema
from support.reliability.hostile import HOSTILE
from support.reliability.places import Place, at, places, put

MOST_MUTATIONS = 4

Mutation = Callable[[Generator, Manifest], str | None]
"""Changes a resource in place and returns what it did, None when there was nothing to do it to."""


def mutated(generator: Generator, body: Manifest) -> tuple[Manifest, tuple[str, ...]]:
    """Return a copy of a resource with one to `MOST_MUTATIONS` mutations, and what they are."""
    changed = deepcopy(body)
    wanted = generator.random.choice((1, 1, 1, 2, 3, MOST_MUTATIONS))
    done: list[str] = []
    while len(done) < wanted:
        what = generator.random.choice(MUTATIONS)(generator, changed)
        if what:
            done.append(what)
    return changed, tuple(done)


def _wrong_type(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: bool(place.path))
    if place is None:
        return None
    now = at(body["spec"], place.path)
    value = generator.random.choice([other for other in OTHER_TYPES if type(other) is not type(now)])
    put(body["spec"], place.path, value)
    return f"{place} is a {type(value).__name__}"


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


OTHER_TYPES: tuple[Any, ...] = (
    _nested(90), _nested(900), "\ud800", {"\udfff": 1}, float("inf"),
    None, True, False, 0, 7, -1, 1.5, 1e300, 2**53 + 1, -(2**63), 2**64, "", "7", "true", "null", [], [None], [[]],
    {}, {"": ""}, {"name": "a"}, ["a"],
)  # fmt: skip


def _around_a_number(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "minimum" in place.schema or "maximum" in place.schema)
    if place is None:
        return None
    low, high = place.schema.get("minimum", 0), place.schema.get("maximum", 2**31)
    return _put(body, place, generator.random.choice((low - 1, low, high, high + 1, low + 0.5, float(high))))


def _around_a_length(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "maxLength" in place.schema and isinstance(_now(body, place), str))
    if place is None:
        return None
    text = _now(body, place) or "a"
    longest, shortest = place.schema["maxLength"], place.schema.get("minLength", 0)
    length = generator.random.choice((longest, longest + 1, shortest, max(0, shortest - 1)))
    filler = generator.random.choice((text[-1], text[:1], "é", "🚀"))
    return _put(body, place, (text + filler * length)[:length])


def _around_a_count(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "maxItems" in place.schema or "maxProperties" in place.schema)
    if place is None:
        return None
    more = generator.random.choice((0, 1))
    if "maxItems" in place.schema:
        items = [generator.value(place.schema["items"], place.name) for _ in range(place.schema["maxItems"] + more)]
        for key in place.schema.get("x-kubernetes-list-map-keys", ()):
            for number, item in enumerate(items):
                item[key] = f"Item{number}" if key == "alert" else f"item{number}"
        return _put(body, place, items)
    value = generator.value(place.schema["additionalProperties"])
    return _put(body, place, {f"key{number}": value for number in range(place.schema["maxProperties"] + more)})


def _hostile_text(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: isinstance(_now(body, place), str))
    return _put(body, place, generator.random.choice(HOSTILE)) if place else None


def _hostile_key(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "additionalProperties" in place.schema)
    if place is None:
        return None
    key, value = generator.random.choice(HOSTILE), generator.value(place.schema["additionalProperties"])
    return _put(body, place, {**(_now(body, place) or {}), key: value})


def _hostile_end(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: isinstance(_now(body, place), str))
    if place is None:
        return None
    return _put(
        body, place, _now(body, place) + generator.random.choice(("\n", " ", "\x00", '"', "\u2028", "}}", "\\"))
    )


def _repeated_entry(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "items" in place.schema and bool(_now(body, place)))
    if place is None:
        return None
    items = _now(body, place)
    return _put(body, place, [*items, deepcopy(generator.random.choice(items))])


def _unknown_field(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "properties" in place.schema)
    if place is None:
        return None
    known = sorted(place.schema["properties"])
    name = generator.random.choice((generator.random.choice(known).upper(), "namespace", "exec", "__proto__", "Πόρτα"))
    _now(body, place)[name] = generator.random.choice(OTHER_TYPES)
    return f"{place}.{name} is no field"


def _missing_field(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: bool(_required(body, place)))
    if place is None:
        return None
    name = generator.random.choice(_required(body, place))
    del _now(body, place)[name]
    return f"{place}.{name} is missing"


def _other_case(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "enum" in place.schema and isinstance(_now(body, place), str))
    return _put(body, place, _now(body, place).swapcase()) if place else None


def _one_more_option(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: bool(_absent(body, place)))
    if place is None:
        return None
    fields: Schema = place.schema["properties"]
    name = generator.random.choice(_absent(body, place))
    _now(body, place)[name] = generator.value(fields[name], name)
    return f"{place}.{name} is there, too"


def _one_less_option(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: "properties" in place.schema and bool(_now(body, place)))
    if place is None:
        return None
    name = generator.random.choice(sorted(_now(body, place)))
    del _now(body, place)[name]
    return f"{place}.{name} is not there"


def _other_value(generator: Generator, body: Manifest) -> str | None:
    place = _one(generator, body, lambda place: bool(place.path))
    return _put(body, place, generator.value(place.schema, place.name)) if place else None


def _odd_name(generator: Generator, body: Manifest) -> str | None:
    body["metadata"]["name"] = generator.random.choice(("a" * 40, "a" * 41, "a.b", "0", "A", "a_b", "", "-", "a" * 254))
    return f"metadata.name is {body['metadata']['name']}"


MUTATIONS: tuple[Mutation, ...] = (
    _wrong_type,
    _around_a_number,
    _around_a_length,
    _around_a_count,
    _hostile_text,
    _hostile_text,
    _hostile_key,
    _hostile_end,
    _repeated_entry,
    _unknown_field,
    _missing_field,
    _other_case,
    _one_more_option,
    _one_less_option,
    _other_value,
    _odd_name,
)


def _one(generator: Generator, body: Manifest, fits: Callable[[Place], bool]) -> Place | None:
    """Choose a field and then a place of it whose value still has its type: a mutation before may have changed it."""
    found: dict[str, list[Place]] = {}
    for place in places(spec_schema(), body["spec"]):
        if _has_its_type(body, place) and fits(place):
            found.setdefault(place.name, []).append(place)
    return generator.random.choice(found[generator.random.choice(list(found))]) if found else None


def _has_its_type(body: Manifest, place: Place) -> bool:
    wanted = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
    return isinstance(_now(body, place), wanted.get(place.schema.get("type", ""), object))


def _required(body: Manifest, place: Place) -> list[str]:
    return [name for name in place.schema.get("required", ()) if name in _now(body, place)]


def _absent(body: Manifest, place: Place) -> list[str]:
    return [name for name in place.schema.get("properties", ()) if name not in _now(body, place)]


def _now(body: Manifest, place: Place) -> Any:
    return at(body["spec"], place.path)


def _put(body: Manifest, place: Place, value: Any) -> str | None:
    if not place.path:
        return None
    put(body["spec"], place.path, value)
    return f"{place} is {value!r:.60}"
