"""The merged Secret: one complete alertmanager.yaml from the fragments of all resources that name it, and back."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from crm_monitoring.errors import Refused
from crm_monitoring.manifest import SECRET, Manifest
from crm_monitoring.render import merged_document, names
from crm_monitoring.render.bundle import Fragment
from crm_monitoring.render.merged_check import check, check_merged
from crm_monitoring.render.merged_document import Owner, identity_matchers, owner, owner_of_name
from crm_monitoring.render.secret_values import SHAPES

__all__ = ["check", "check_merged", "fitting", "merge", "merged_secret", "redacted", "redacted_secret", "split"]

CONTENT_KEY = "alertmanager.yaml"
"""Key of the Secret: the one that prometheus-operator reads."""

Key = TypeVar("Key")

REDACTED_ANNOTATION = "monitoring.crm.io/redacted"

_REDACTED_COMMENT = "# Credentials are replaced by placeholders. This is for reading, not to be applied.\n"


def merge(fragments: Iterable[Fragment]) -> bytes:
    """Return the complete file. The order of the fragments does not matter.

    Each must have passed `check`. Raise Refused when the file as a whole cannot be loaded or is too large.
    """
    tree = merged_document.document(sorted(fragments, key=owner))
    content = merged_document.dump(tree)
    problems = check_merged(content)
    if not problems and merged_document.load(content) != tree:
        problems = ["it does not read back as it was written"]
    if problems:
        raise Refused(f"{CONTENT_KEY} of all resources that name this Secret: {'; '.join(problems)}")
    return content


def fitting(wanted: Mapping[Key, Fragment], kept: Mapping[Key, Fragment]) -> dict[Key, Fragment]:
    """Return what of the wanted fragments fits into one file that cannot hold all of them.

    What is in the file already stays; then come the wanted fragments, in their order, each if there is room for it.
    """
    taken = {key: kept[key] for key in wanted if key in kept}
    used = sum(map(_size, taken.values()))
    for key, fragment in wanted.items():
        more = _size(fragment) - (_size(taken[key]) if key in taken else 0)
        if used + more <= merged_document.MAX_BYTES or more <= 0:
            taken[key] = fragment
            used += more
    return taken


def _size(fragment: Fragment) -> int:
    return len(merged_document.dump(merged_document.document([fragment])))


def split(content: bytes, secret_name: str) -> dict[Owner, Fragment]:
    """Return the fragments of a live file, by namespace and name of the resource, as fragments of this Secret.

    The file may have been edited by hand: what is not recognisably ours, or does not pass `check`, is left out.
    """
    tree = merged_document.load(content)
    if not isinstance(tree, dict):
        return {}
    route = tree.get("route")
    routes = _by_owner(route.get("routes") if isinstance(route, dict) else None, _owner_of_route)
    receivers = _by_owner(tree.get("receivers"), lambda receiver: owner_of_name(receiver.get("name")))
    intervals = _by_owner(tree.get("time_intervals"), lambda interval: owner_of_name(interval.get("name")))
    rules = _list(tree.get("inhibit_rules"))
    fragments = {
        key: Fragment(
            secret_name,
            tuple(routes.get(key, ())),
            tuple(own),
            tuple(rule for rule in rules if _begins(rule.get("source_matchers"), key)),
            tuple(intervals.get(key, ())),
        )
        for key, own in receivers.items()
    }
    return {key: fragment for key, fragment in sorted(fragments.items()) if not check(fragment)}


def merged_secret(namespace: str, name: str, owners: Iterable[tuple[str, str]], content: bytes) -> Manifest:
    """Return the Secret. `owners` are names and uids of the resources in it; none of them is its controller."""
    return _secret(namespace, name, owners) | {"data": {CONTENT_KEY: base64.b64encode(content).decode()}}


def redacted(fragment: Fragment) -> Fragment:
    """Return a fragment whose credentials are placeholders of the same shape."""
    placeholders = {shape.setting: shape.placeholder for shape in SHAPES}

    def hide(settings: Mapping[str, Any]) -> dict[str, Any]:
        return {name: placeholders.get(name, value) for name, value in settings.items()}

    receivers = (
        {name: value if name == "name" else [hide(settings) for settings in value] for name, value in receiver.items()}
        for receiver in fragment.receivers
    )
    return replace(fragment, receivers=tuple(receivers))


def redacted_secret(
    namespace: str, name: str, owners: Iterable[tuple[str, str]], fragments: Iterable[Fragment]
) -> Manifest:
    """Return the Secret for a person to read: placeholders in plain text, and an annotation that says so."""
    content = merge(map(redacted, fragments))
    manifest = _secret(namespace, name, owners)
    manifest["metadata"]["annotations"] = {REDACTED_ANNOTATION: "true"}
    return manifest | {"stringData": {CONTENT_KEY: _REDACTED_COMMENT + content.decode()}}


def _secret(namespace: str, name: str, owners: Iterable[tuple[str, str]]) -> Manifest:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.name,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY},
            "ownerReferences": [names.owner_reference(*each, controller=False) for each in sorted(owners)],
        },
        "type": "Opaque",
    }


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _by_owner(items: Any, owner_of: Any) -> dict[Owner, list[dict[str, Any]]]:
    found: dict[Owner, list[dict[str, Any]]] = {}
    for item in _list(items):
        key = owner_of(item)
        if key:
            found.setdefault(key, []).append(item)
    return found


def _owner_of_route(route: Mapping[str, Any]) -> Owner | None:
    key = owner_of_name(route.get("receiver"))
    return key if key and route.get("matchers") == identity_matchers(key) else None


def _begins(matchers: Any, key: Owner) -> bool:
    identity = identity_matchers(key)
    return isinstance(matchers, list) and matchers[: len(identity)] == identity
