"""Live and desired objects as text that a person compares. Values of Secrets are masked."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from typing import Any

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.manifest import SECRET, Manifest, kind_of
from crm_monitoring.reconcile.drift import compare, ownership
from crm_monitoring.render.documents import dump

_CONTENT = ("spec", "data", "stringData", "type")
_MASK = "***"


def changes(desired: Manifest, live: Manifest) -> list[str]:
    """Return a unified diff, a line an entry, of what applying the desired object would change.

    Shown of the live object: what is desired otherwise, what is no longer wanted, and what somebody else added. Defaults
    of the API server and the labels and annotations of others stay as they are, so they are left out.
    """
    unwanted = {difference.path for difference in compare(desired, live, FIELD_MANAGER).differences}
    after = _view(desired)
    before = _metadata_view(desired, live)
    for part in _CONTENT:
        if part in live and part in after:
            before[part] = _without_defaults(live[part], desired[part], part, unwanted)
    if kind_of(desired) == SECRET:
        before["data"], after["data"] = _masked(before.get("data") or {}, after.get("data") or {})
    lines = unified_diff(_lines(before), _lines(after), "live", "desired", lineterm="")
    return list(lines)


def _view(manifest: Manifest) -> dict[str, Any]:
    metadata = manifest["metadata"]
    shown = {part: metadata[part] for part in ("labels", "annotations") if metadata.get(part)}
    return {"metadata": shown, **{part: manifest[part] for part in _CONTENT if part in manifest}}


def _metadata_view(desired: Manifest, live: Manifest) -> dict[str, Any]:
    """Return the labels and annotations of the live object that are ours, or would be."""
    ours = ownership(live, FIELD_MANAGER)[0].get("f:metadata", {})
    shown = {}
    for part in ("labels", "annotations"):
        wanted = desired["metadata"].get(part) or {}
        found = live["metadata"].get(part) or {}
        kept = {key: value for key, value in found.items() if key in wanted or f"f:{key}" in ours.get(f"f:{part}", {})}
        if kept:
            shown[part] = kept
    return {"metadata": shown}


def _without_defaults(live: Any, desired: Any, path: str, unwanted: set[str]) -> Any:
    """Return the live value without the keys that nobody asked for and nobody minds."""
    if isinstance(live, Mapping) and isinstance(desired, Mapping):
        return {
            key: _without_defaults(value, desired[key], f"{path}.{key}", unwanted) if key in desired else value
            for key, value in live.items()
            if key in desired or f"{path}.{key}" in unwanted
        }
    if isinstance(live, list) and isinstance(desired, Sequence) and not isinstance(desired, str):
        return [
            _without_defaults(value, desired[index], f"{path}[{index}]", unwanted) if index < len(desired) else value
            for index, value in enumerate(live)
        ]
    return live


def _masked(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    differing = {key for key in before.keys() & after.keys() if before[key] != after[key]}

    def masked(values: Mapping[str, Any], when: str) -> dict[str, str]:
        return {key: f"{_MASK} ({when})" if key in differing else _MASK for key in values}

    return masked(before, "before"), masked(after, "after")


def _lines(view: Mapping[str, Any]) -> list[str]:
    return list(_unmarked(dump([view])))


def _unmarked(text: str) -> Iterator[str]:
    yield from (line for line in text.splitlines() if line != "---")
