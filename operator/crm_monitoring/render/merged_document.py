"""alertmanager.yaml as text and as a tree."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from crm_monitoring.contract import labels
from crm_monitoring.render.bundle import Fragment

MAX_BYTES = 900 * 1024
"""Largest file that is written: base64 in a Secret and the API server's limit leave no room for more."""

UNROUTED = "crm-unrouted"
"""Receiver of what no resource routes. It has no integration: nobody is told."""

MAX_DEPTH = 20
"""Deepest nesting that is read; ours is 6. The parser's own recursion would end the process at some ten thousand."""

Owner = tuple[str, str]
"""Namespace and name of the resource that a fragment belongs to."""

_NAME = re.compile(r"([a-z0-9][-a-z0-9]*)/([a-z0-9][-a-z0-9.]*)/[A-Za-z0-9][-A-Za-z0-9]*")


class _Dumper(yaml.CSafeDumper):
    """Writes no anchors: they would tie one resource's settings to another's."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def document(fragments: Iterable[Fragment]) -> dict[str, Any]:
    """Return the tree of a complete file with these fragments, in the order given."""
    parts = tuple(fragments)
    return {
        "route": {
            "receiver": UNROUTED,
            "group_by": [labels.NAMESPACE, labels.ALERT_NAME],
            "routes": [route for part in parts for route in part.routes],
        },
        "receivers": [{"name": UNROUTED}, *(receiver for part in parts for receiver in part.receivers)],
        "inhibit_rules": [rule for part in parts for rule in part.inhibit_rules],
        "time_intervals": [interval for part in parts for interval in part.time_intervals],
    }


def dump(tree: Mapping[str, Any]) -> bytes:
    """Return a tree as YAML in ASCII; equal trees give equal bytes."""
    text: bytes = yaml.dump(tree, Dumper=_Dumper, encoding="utf-8", allow_unicode=False, width=2**31 - 1)
    return text


def load(content: bytes) -> Any:
    """Return the tree of a file that may be anything, or None when it is not one that we could have written."""
    try:
        if len(content) > MAX_BYTES or not _is_plain(content):
            return None
        return yaml.load(content, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return None


def _is_plain(content: bytes) -> bool:
    """Return whether there are no aliases and no deep nesting; the loader would choke on either."""
    depth = 0
    for event in yaml.parse(content, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            return False
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return False
    return True


def owner_of_name(name: object) -> Owner | None:
    """Return the resource to which a receiver or mute timing belongs, or None when its name is not one of ours."""
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    return (match[1], match[2]) if match else None


def owner(fragment: Fragment) -> Owner:
    """Return the resource that a fragment belongs to; raise ValueError when its receivers do not say."""
    names = [receiver.get("name") for receiver in fragment.receivers]
    owners = set(map(owner_of_name, names))
    if len(owners) != 1 or (found := owners.pop()) is None:
        raise ValueError("the receivers of a fragment must all be named <namespace>/<resource>/<receiver>")
    return found


def identity_matchers(resource: Owner) -> list[str]:
    """Return the matchers of a resource's identity as they are written."""
    return [f'{label}="{value}"' for label, value in zip(labels.IDENTITY, resource, strict=True)]
