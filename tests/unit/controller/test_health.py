"""Health: a restart is asked for only where it helps."""

from types import SimpleNamespace

import pytest

from crm_monitoring.controller.health import STUCK_SECONDS, SUSPICIOUS_FAILURES, Health
from crm_monitoring.controller.scope import build_caches
from crm_monitoring.manifest import CRM_MONITORING, PROMETHEUS_RULE


def health(*, failures=0, failing=(False,), oldest=0.0, leading=True, ready=True, caches=None):
    return Health(
        caches or build_caches(()),
        SimpleNamespace(oldest_seconds=oldest),
        SimpleNamespace(failures=failures, ready=ready),
        [SimpleNamespace(failing=failed) for failed in failing],
        lambda: leading,
    )


ALIVE = {
    "all is well": health(),
    "kopf failed a few times": health(failures=SUSPICIOUS_FAILURES - 1),
    "kopf fails because the API server does": health(failures=99, failing=[False, True]),
    "keys wait because another replica leads": health(oldest=10 * STUCK_SECONDS, leading=False),
}
DEAD = {
    "kopf fails although the API server answers": health(failures=SUSPICIOUS_FAILURES),
    "no worker takes keys": health(oldest=STUCK_SECONDS + 1),
}


@pytest.mark.parametrize("case", ALIVE.values(), ids=ALIVE.keys())
def test_alive(case):
    assert case.alive() is None


@pytest.mark.parametrize("case", DEAD.values(), ids=DEAD.keys())
def test_not_alive(case):
    assert case.alive()


def test_ready_needs_every_cache_and_kopf():
    caches = build_caches(())
    assert "PrometheusRule" in health(caches=caches).ready()
    for store in caches.stores():
        store.unserve() if store.kind == PROMETHEUS_RULE else store.replace([], "1")
    assert health(caches=caches).ready() is None
    assert health(caches=caches, ready=False).ready() == "kopf is not ready"


def test_a_namespace_that_is_not_listed_yet_keeps_the_replica_from_being_ready():
    caches = build_caches(("shop", "crm"))
    for store in caches.stores():
        store.replace([], "1")
    assert health(caches=caches).ready() is None
    caches.scopes(CRM_MONITORING)["shop"].synced = False
    assert health(caches=caches).ready() == "not listed yet: CRMMonitoring"
