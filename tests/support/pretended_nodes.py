"""Stands in for scheduler and kubelets: every pod of some namespaces is called ready. Nothing runs in any of them."""

import threading
from types import TracebackType
from typing import Any, Self

from testbed.apiclient import ApiClient

POLL_SECONDS = 0.1
READY = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


class PretendedNodes:
    """Works while its block lasts. Deployments then roll as they do in a cluster with nodes."""

    def __init__(self, api: ApiClient, *namespaces: str) -> None:
        self._api = api
        self._paths = [f"/api/v1/namespaces/{namespace}/pods" for namespace in namespaces]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pretended nodes")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            for path in self._paths:
                for pod in self._api.request("GET", path).body.get("items", ()):
                    if pod.get("status", {}).get("phase") != "Running":
                        self._call_ready(f"{path}/{pod['metadata']['name']}/status")

    def _call_ready(self, path: str) -> None:
        conditions: list[dict[str, Any]] = [{"type": name, "status": "True"} for name in READY]
        status = {"status": {"phase": "Running", "conditions": conditions}}
        self._api.request("PATCH", path, status, "application/strategic-merge-patch+json")
