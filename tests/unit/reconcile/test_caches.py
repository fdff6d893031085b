"""What a pass sees of the cluster: the Services that may concern it, and no others."""

from crm_monitoring.controller.scope import build_caches
from crm_monitoring.manifest import DEPLOYMENT, SERVICE, ObjectKey
from support.engine_world import deployment, service

TARGET = ObjectKey(DEPLOYMENT, "crm", "crm-api")


def versioned(manifest, version, **spec):
    metadata = {**manifest["metadata"], "uid": "u", "resourceVersion": str(version)}
    return {**manifest, "metadata": metadata, "spec": {**manifest["spec"], **spec}}


def caches():
    known = build_caches(())
    store = known.store(DEPLOYMENT, "crm")
    store.observe(versioned(deployment(), 1))
    return known


def observe(known, manifest):
    store = known.store(SERVICE, "crm")
    store.observe(manifest)


def names(known):
    return [each.name for each in known.observed(TARGET).services]


def test_every_service_that_selects_the_pods_is_seen():
    known = caches()
    for version, name in enumerate(("b", "a", "crm-api"), start=2):
        observe(known, versioned(service(name), version, selector={"app": "crm-api"}))
    assert names(known) == ["a", "b", "crm-api"]


def test_a_service_that_selects_others_or_more_or_nothing_is_not_seen():
    known = caches()
    observe(known, versioned(service("others"), 2))
    observe(known, versioned(service("more"), 3, selector={"app": "crm-api", "zone": "a"}))
    observe(known, versioned(service("nothing"), 4, selector=None))
    assert names(known) == []


def test_a_service_is_seen_by_what_it_selects_now():
    known = caches()
    observe(known, versioned(service(), 2))
    assert names(known) == ["crm-api"]
    observe(known, versioned(service(), 3, selector={"app": "other"}))
    assert names(known) == []
    observe(known, versioned(service(), 4, selector={"app": "crm-api"}))
    known.remove(ObjectKey(SERVICE, "crm", "crm-api"))
    assert names(known) == []
