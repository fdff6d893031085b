"""Wait until custom resources are really served, which is a moment after their definition is Established."""

import time
from collections.abc import Iterable
from typing import Any

from testbed.apiclient import ApiClient
from testbed.errors import CommandFailed

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
POLL_SECONDS = 0.05


def wait_until_served(api: ApiClient, names: Iterable[str], *, within: float) -> None:
    """Poll each definition by name, for example `probes.monitoring.coreos.com`. Raises `CommandFailed`."""
    deadline = time.monotonic() + within
    for name in names:
        while not _is_served(api, name):
            if time.monotonic() > deadline:
                raise CommandFailed(f"the custom resource {name} is not served after {within:.0f} s")
            time.sleep(POLL_SECONDS)


def _is_served(api: ApiClient, name: str) -> bool:
    answer = api.request("GET", f"{DEFINITIONS}/{name}")
    if answer.status != 200:
        return False
    conditions = answer.body.get("status", {}).get("conditions") or []
    established = any(item["type"] == "Established" and item["status"] == "True" for item in conditions)
    return established and all(api.is_ok(path) for path in _paths(answer.body["spec"]))


def _paths(spec: dict[str, Any]) -> list[str]:
    versions = [version["name"] for version in spec["versions"] if version["served"]]
    return [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1" for version in versions]
