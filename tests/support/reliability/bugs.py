"""Known mistakes of operators, put into ours on purpose: the campaigns must find each of them.

    python -m support.reliability.bugs "prune is forgotten" operator --kubeconfig ...

A process that was started so has the mistake; nothing else can have it.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from crm_monitoring.cli.main import main
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.manifest import CONFIG_MAP, PROMETHEUS_RULE, SECRET, Manifest, ObjectKey, key_of
from crm_monitoring.reconcile import resource_pass
from crm_monitoring.reconcile.children import Children, ChildResult
from crm_monitoring.reconcile.merged_secrets import MergedSecrets
from crm_monitoring.reconcile.outcome import ObjectOutcome, State
from crm_monitoring.reconcile.status import summarise

MODULE = "support.reliability.bugs"

_APPLY = Children.apply
_MERGE = MergedSecrets._merge


def _applying(change: Callable[[Children, dict[str, Any], int], Any]) -> None:
    """Have something happen before each child is applied; what it returns, if anything, is the result."""
    applied: dict[str, int] = {}

    async def apply(self: Children, desired: Mapping[str, Any], uid: str, **flags: Any) -> ChildResult:
        manifest = dict(desired)
        identity = f"{uid} {manifest['kind']} {manifest['metadata']['name']}"
        applied[identity] = applied.get(identity, 0) + 1
        result = await change(self, manifest, applied[identity])
        return result or await _APPLY(self, manifest, uid, **flags)

    Children.apply = apply  # type: ignore[method-assign]


def _nothing_is_compared() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        await self._cluster.apply(manifest, force=True)

    _applying(change)


def _ready_comes_first() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> ChildResult | None:
        key = key_of(manifest)
        early = manifest["kind"] == PROMETHEUS_RULE.name and times <= 3
        return ChildResult(ObjectOutcome(key, State.IN_SYNC)) if early else None

    _applying(change)


def _others_are_overwritten() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        if manifest["kind"] == CONFIG_MAP.name and times == 1:
            named = {**manifest["metadata"], "name": "somebodys-dashboards"}
            await self._cluster.apply({**manifest, "metadata": named}, force=True)

    _applying(change)


def _an_error_is_let_through() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        if times == 1:
            raise KeyError(manifest["kind"])

    _applying(change)


def _a_rule_does_not_parse() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        if manifest["kind"] == PROMETHEUS_RULE.name:
            manifest["spec"] = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "sum("}]}]}

    _applying(change)


def _the_process_ends() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        if manifest["kind"] == CONFIG_MAP.name:
            os._exit(1)

    _applying(change)


def _secrets_are_listed() -> None:
    async def change(self: Children, manifest: Manifest, times: int) -> None:
        if isinstance(self._cluster, KubeCluster):
            await self._cluster.list(SECRET, namespace=manifest["metadata"]["namespace"])

    _applying(change)


def _prune_is_forgotten() -> None:
    async def prune(self: Children, *given: Any, **flags: Any) -> list[ChildResult]:
        return []

    Children.prune = prune  # type: ignore[method-assign]


def _times_are_renewed() -> None:
    resource_pass.summarise = lambda outcome, previous, now: summarise(outcome, {}, now)  # type: ignore[attr-defined]


def _what_was_is_forgotten() -> None:
    resource_pass.noted = lambda body: []  # type: ignore[attr-defined]


def _a_secret_is_logged() -> None:
    async def merge(self: MergedSecrets, secret: ObjectKey, live: Manifest | None) -> bool:
        for share in self._given.values():
            if share and share.fragment:
                logging.getLogger("bug").info("merging %s", share.fragment.receivers)
        return await _MERGE(self, secret, live)

    MergedSecrets._merge = merge  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "nothing is compared": _nothing_is_compared,
    "Ready comes first": _ready_comes_first,
    "others' objects are overwritten": _others_are_overwritten,
    "an error is let through": _an_error_is_let_through,
    "a rule does not parse": _a_rule_does_not_parse,
    "the process ends": _the_process_ends,
    "Secrets are listed": _secrets_are_listed,
    "prune is forgotten": _prune_is_forgotten,
    "times are renewed": _times_are_renewed,
    "what was is forgotten": _what_was_is_forgotten,
    "a Secret is logged": _a_secret_is_logged,
}
"""What makes each mistake, by a sentence."""


if __name__ == "__main__":
    BUGS[sys.argv.pop(1)]()
    main()
