"""Resources from the schema of the CRD alone: a field that is new in `crds/` is generated without a change here.

Everything is drawn from one seeded source, so that a number says which resource it was.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from crm_monitoring.api.v1alpha1 import patterns
from crm_monitoring.api.validation import load
from crm_monitoring.errors import InvalidSpec
from crm_monitoring.manifest import CRM_MONITORING, Manifest
from support.reliability.places import Path as SpecPath
from support.reliability.places import at, drop, parsed_path, places
from support.resources import resource

CRD_FILE = (
    Path(__file__).parents[3] / "crds" / f"{CRM_MONITORING.crd_name.partition('.')[0]}.{CRM_MONITORING.group}.yaml"
)

Schema = Mapping[str, Any]

USUAL: dict[str, tuple[str, ...]] = {
    patterns.DURATION: ("10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h", "2h", "6h", "12h", "24h", "300s"),
    patterns.RATIO: ("1%", "5%", "30%", "50%", "95%", "99%", "99.5%", "99.9%"),
    patterns.COUNT: ("1", "10", "100", "1000"),
    patterns.NAME: ("api", "crm-api", "crm", "a", "b", "c", "nights", "delivery"),
    patterns.SUBDOMAIN: ("crm-api", "alertmanager-crm", "crm-api.crm.svc"),
    patterns.LABEL_NAME: ("namespace", "crm_monitoring", "alertname", "severity", "team", "tier"),
    patterns.LABEL_KEY: ("release", "example.com/team", "app"),
    patterns.PORT_NAME: ("metrics", "http"),
    patterns.SMARTHOST: ("smtp.example.com:587", "mail:25"),
    patterns.TIME_OF_DAY: ("00:00", "08:00", "18:00"),
    patterns.END_OF_TIME: ("06:00", "12:30", "24:00"),
    patterns.TIME_ZONE: ("UTC", "Europe/Berlin", "America/New_York"),
}
"""What people write where a pattern would allow much that other rules refuse. Patterns without an entry need none."""

EXPRESSIONS = (
    "crm_queue_size > 10",
    'sum by (channel) (rate(crm_communications_total{status="failed"}[5m])) > 0.1',
    "absent(crm_info)",
    "max_over_time(sum(crm_queue_size)[1d:1m] offset 1d) > 100",
    "crm_queue_size / on (namespace) group_left (version) crm_info > 1",
    'label_replace(crm_queue_size, "a", "$1", "priority", "(.*)") > bool 1',
    'crm_queue_size{priority!~"a|b\\\\.c"} > 1e3 or -crm_cache_hits_total unless vector(1)',
)
TEXTS = (
    "plain",
    "{{ $value }} on {{ $labels.channel }}",
    "{{ $value | humanizePercentage }}",
    "two\nlines: with 'quotes', \"quotes\" and # signs",
    "äöü 你好 🚀",
    "yes",
    "1e3",
)
REFERENCE = "SecretRef"
"""How the names of all fields end that name a key of a Secret."""

SECRET_NAMES = ("crm-first", "crm-second")

_OFTEN = 0.8
_GENTLE = 12
"""After so many attempts a block that still breaks a rule is dropped."""

_KEY_PATTERN = re.compile(r"key\.matches\('(.+?)'\) && size\(key\) <= (\d+)")
_KEY_NAMES = re.compile(r"key in \[(.+?)\]")


@cache
def spec_schema() -> Schema:
    """Return the schema of `spec` as it is in `crds/`."""
    definition = yaml.load(CRD_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    (version,) = definition["spec"]["versions"]
    found: Schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


@cache
def matching(pattern: str) -> tuple[str, ...]:
    """Return texts that match a pattern, always the same ones, the odd ones among them."""
    found: set[str] = set()

    @seed(0)
    @settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII), fullmatch=True))
    def collect(text: str) -> None:
        found.add(text)

    collect()
    return tuple(sorted(found))


class Generator:
    """Values, specs and resources from one seed."""

    def __init__(self, seed: int | str) -> None:
        self.random = Random(seed)
        self._fullness = 0.5

    def spec(self) -> dict[str, Any]:
        """Return a spec of the right shape. Rules between its fields may be broken."""
        self._fullness = self.random.choice((0.2, 0.4, 0.7, 0.95))
        spec: dict[str, Any] = self.value(spec_schema())
        if self.random.random() < _OFTEN:
            spec["target"] = {"name": "crm-api"}
        return spec

    def valid_spec(self) -> dict[str, Any]:
        """Return a spec that is accepted: what the rules refuse in a generated one is taken out of it."""
        return self.repaired(self.spec())

    def resource(self, *, valid: bool = True, **metadata: Any) -> Manifest:
        """Return a resource with a generated spec."""
        return resource(self.valid_spec() if valid else self.spec(), **metadata)

    def repaired(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Return a spec without what is refused, so that the rest is accepted."""
        left = deepcopy(dict(spec))
        for attempt in count():
            try:
                load(resource(left))
            except InvalidSpec as error:
                for path in sorted({problem.path for problem in error.problems}, reverse=True):
                    self._mend(left, parsed_path(path)[1:], gently=attempt < _GENTLE)
                left.setdefault("target", {"name": "crm-api"})
            else:
                break
        return left

    def _mend(self, spec: dict[str, Any], path: SpecPath, *, gently: bool) -> None:
        """Change a block that breaks a rule by one field, or drop what is at a path."""
        found = next((place for place in places(spec_schema(), spec) if place.path == path), None)
        block = at(spec, path) if found else None
        fields = found.schema.get("properties", {}) if found else {}
        if not gently or not isinstance(block, dict) or not fields:
            drop(spec, path)
            return
        absent = [field for field in fields if field not in block]
        optional = [field for field in block if field not in found.schema.get("required", ())] if found else []
        if absent and (not optional or self.random.random() < 0.4):
            field = self.random.choice(absent)
            block[field] = self.value(fields[field], field)
        elif optional:
            del block[self.random.choice(optional)]

    def value(self, schema: Schema, name: str = "") -> Any:
        """Return a value of a schema; `name` is that of its field."""
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return self._text(schema, name) if self.random.random() < _OFTEN else self._integer(schema)
        kind = schema["type"]
        if kind == "object":
            return self._object(schema, name)
        if kind == "array":
            return self._array(schema, name)
        if kind == "integer":
            return self._integer(schema)
        if kind == "boolean":
            return self.random.random() < 0.5
        return self._text(schema, name)

    def _object(self, schema: Schema, name: str) -> dict[str, Any]:
        if name.endswith(REFERENCE) and self.random.random() < 0.9:
            return {"name": self.random.choice(SECRET_NAMES), "key": name}
        if "additionalProperties" in schema:
            wanted = self.random.randint(0, min(3, schema.get("maxProperties", 3)))
            keys = {self.key(schema) for _ in range(wanted)}
            return {key: self.value(schema["additionalProperties"], name) for key in sorted(keys)}
        required = schema.get("required", ())
        return {
            field: self.value(below, field)
            for field, below in schema.get("properties", {}).items()
            if field in required or self.random.random() < self._fullness
        }

    def key(self, schema: Schema) -> str:
        """Return a key of a map."""
        rules = " ".join(rule["rule"] for rule in schema.get("x-kubernetes-validations", ()))
        if names := _KEY_NAMES.search(rules):
            return self.random.choice([name.strip("' ") for name in names[1].split(",")])
        if found := _KEY_PATTERN.search(rules):
            return self._text({"pattern": found[1], "maxLength": int(found[2]), "minLength": 1}, "")
        return self.random.choice(("a", "b", "c"))

    def _array(self, schema: Schema, name: str) -> list[Any]:
        low = schema.get("minItems", 0)
        wanted = self.random.randint(low, max(low, min(schema.get("maxItems", 3), 3)))
        items = [self.value(schema["items"], name) for _ in range(wanted)]
        if schema.get("x-kubernetes-list-type") == "set":
            return list(dict.fromkeys(items))
        if keys := schema.get("x-kubernetes-list-map-keys"):
            return list({item[keys[0]]: item for item in items}.values())
        return items

    def _integer(self, schema: Schema) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1_000_000)
        return self.random.choice((low, high, self.random.randint(low, high), min(high, low + 5)))

    def _text(self, schema: Schema, name: str) -> str:
        longest = schema.get("maxLength", 1024)
        pattern = schema.get("pattern")
        if pattern is None:
            return self.random.choice(EXPRESSIONS if name == "expr" else TEXTS)[:longest]
        usual = USUAL.get(pattern, ())
        pool = usual if usual and self.random.random() < _OFTEN else matching(pattern)
        fitting = [text for text in pool if schema.get("minLength", 0) <= len(text) <= longest]
        return self.random.choice(fitting or usual)
