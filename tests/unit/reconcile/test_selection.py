"""Which Alertmanager loads what we write."""

from typing import Any

import pytest

from crm_monitoring.reconcile.selection import loads_secret, selects_config

LABELS = {"team": "crm", "tier": "1"}


def alertmanager(spec: dict[str, Any] | None = None, namespace: str = "crm", name: str = "crm") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec or {}}


def test_an_alertmanager_loads_the_secret_that_is_named_after_it() -> None:
    assert loads_secret(alertmanager(), "alertmanager-crm")
    assert not loads_secret(alertmanager(name="other"), "alertmanager-crm")


def test_a_config_secret_replaces_the_default_name() -> None:
    assert loads_secret(alertmanager({"configSecret": "mine"}), "mine")
    assert not loads_secret(alertmanager({"configSecret": "mine"}), "alertmanager-crm")


CONFIG = {"metadata": {"name": "crm-crm-routing", "namespace": "crm", "labels": LABELS}}

CONFIGS: dict[str, tuple[dict[str, Any], bool]] = {
    "no selector selects nothing": (alertmanager(), False),
    "the empty selector selects its own namespace": (alertmanager({"alertmanagerConfigSelector": {}}), True),
    "other labels are not selected": (alertmanager({"alertmanagerConfigSelector": {"matchLabels": {"a": "b"}}}), False),
    "another namespace needs a namespace selector": (alertmanager({"alertmanagerConfigSelector": {}}, "mon"), False),
    "with a namespace selector other namespaces count": (
        alertmanager({"alertmanagerConfigSelector": {}, "alertmanagerConfigNamespaceSelector": {}}, "mon"),
        True,
    ),
    "the global configuration may be named": (
        alertmanager({"alertmanagerConfiguration": {"name": "crm-crm-routing"}}),
        True,
    ),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_an_alertmanager_selects_a_config(case: str) -> None:
    manager, expected = CONFIGS[case]
    assert selects_config(manager, CONFIG) is expected
