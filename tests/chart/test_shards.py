"""Several operators that divide the namespaces: what a release of them consists of, and how one becomes three."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_monitoring.controller.shard import Shard
from crm_monitoring.manifest import Kind
from support.charts import CHART, NAMESPACE, RELEASE, Manifest, objects, render
from support.live import Tenant, eventually
from support.pods import Pods
from support.resources import minimal

from .conftest import Releases

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
NAMES = [f"{RELEASE}-{number}-of-3" for number in (1, 2, 3)]
SHARDS = [Shard(number, 3) for number in (1, 2, 3)]


def three(*flags: str) -> list[Manifest]:
    """Return the objects of a release with three shards."""
    return render("--set", "shards=3,serviceMonitor.enabled=true", *flags)


def variable(deployment: Manifest, name: str) -> str:
    """Return a setting of the operator in a Deployment."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (found,) = [one["value"] for one in container["env"] if one["name"] == name]
    return str(found)


def selected(selector: Manifest, pods: list[Manifest]) -> list[str]:
    """Return the shards whose pods a selector takes."""
    return [pod["monitoring.crm.io/shard"] for pod in pods if selector.items() <= pod.items()]


def test_each_shard_is_a_deployment_told_which_part_is_its_own() -> None:
    deployments = {
        one["metadata"]["name"]: variable(one, "CRM_OPERATOR_SHARD") for one in objects(three(), "Deployment")
    }

    assert deployments == dict(zip(NAMES, ["1/3", "2/3", "3/3"], strict=True))


def test_every_namespace_belongs_to_exactly_one_of_the_deployments() -> None:
    parts = [Shard.parse(variable(one, "CRM_OPERATOR_SHARD")) for one in objects(three(), "Deployment")]

    assert {sum(part.serves(f"team-{number}") for part in parts) for number in range(200)} == {1}


def test_each_deployment_and_each_disruption_budget_takes_the_pods_of_one_shard() -> None:
    manifests = three()
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in objects(manifests, "Deployment")]

    for kind in ("Deployment", "PodDisruptionBudget"):
        taken = [selected(one["spec"]["selector"]["matchLabels"], pods) for one in objects(manifests, kind)]
        assert taken == [["1-of-3"], ["2-of-3"], ["3-of-3"]]
    for deployment in objects(manifests, "Deployment"):
        for constraint in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert len(selected(constraint["labelSelector"]["matchLabels"], pods)) == 1


def test_one_service_one_monitor_and_one_network_policy_serve_the_pods_of_all() -> None:
    manifests = three("--set", "networkPolicy.enabled=true")
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in objects(manifests, "Deployment")]
    (service,) = objects(manifests, "Service")
    (policy,) = objects(manifests, "NetworkPolicy")
    (monitor,) = objects(manifests, "ServiceMonitor")

    assert len(selected(service["spec"]["selector"], pods)) == 3
    assert len(selected(policy["spec"]["podSelector"]["matchLabels"], pods)) == 3
    assert monitor["spec"]["endpoints"][0]["relabelings"] == [
        {"sourceLabels": ["__meta_kubernetes_pod_label_monitoring_crm_io_shard"], "targetLabel": "shard"}
    ]


def test_a_single_shard_has_the_names_and_selectors_of_a_release_that_knows_none() -> None:
    for flags in (("--set", "shards=1"), ("--set", "shards=null")):
        (deployment,) = objects(render(*flags), "Deployment")
        assert deployment["metadata"]["name"] == RELEASE
        assert variable(deployment, "CRM_OPERATOR_SHARD") == "1/1"
        assert "monitoring.crm.io/shard" not in str(deployment)


def test_the_longest_names_of_shards_are_still_names() -> None:
    manifests = render("--set", f"fullnameOverride={'a' * 50},shards=64")

    assert max(len(one["metadata"]["name"]) for one in objects(manifests, "Deployment")) <= 63


# --- on a real API server ---


@pytest.fixture
def pods(releases: Releases, tmp_path: Path) -> Iterator[Pods]:
    """Return what runs as the pods of the release; it ends with the test."""
    pods = Pods(releases.plane, tmp_path)
    yield pods
    pods.close()


@pytest.fixture
def tenants(releases: Releases, namespace: str) -> dict[Shard, Tenant]:
    """Return a namespace for each of three shards, in which a CRM is deployed."""
    names = [f"{namespace}-{number}" for number in range(40)]
    chosen = {shard: Tenant(releases.plane, next(filter(shard.serves, names))) for shard in SHARDS}
    for tenant in chosen.values():
        releases.plane.create_namespace(tenant.name)
        tenant.deploy()
    return chosen


def written_by(pods: Pods) -> dict[str, set[str]]:
    """Return for each namespace the pods that wrote an object in it, by their logs."""
    found: dict[str, set[str]] = {}
    for name, (operator,) in pods.running.items():
        for line in operator.lines():
            if line["event"] == "reconciled" and line["written"]:
                found.setdefault(line["namespace"], set()).add(name)
    return found


@pytest.mark.integration
def test_one_operator_becomes_three_and_no_resource_is_served_by_two(
    releases: Releases, pods: Pods, tenants: dict[Shard, Tenant]
) -> None:
    scope = ",".join(tenant.name for tenant in tenants.values())
    fixed = ("--set", f"replicas=1,watch.namespaces={{{scope}}},settings.resyncSeconds=2")
    releases.install(*fixed)
    pods.follow()
    for tenant in tenants.values():
        tenant.monitor(minimal())
        tenant.ready()
    children = {tenant.name: tenant.children() for tenant in tenants.values()}
    assert list(pods.running) == [RELEASE]

    releases.helm("upgrade", RELEASE, CHART, *fixed, "--set", "shards=3")
    pods.follow()
    assert list(pods.running) == NAMES
    leases = Tenant(releases.plane, NAMESPACE)
    eventually(lambda: all(leases.look(LEASE, name)["spec"]["holderIdentity"].startswith(name) for name in NAMES), 30)
    mark = releases.plane.audit_mark()
    for tenant in tenants.values():
        tenant.edit({"alerts": {"overrides": {"CRMDeliveryRateLow": {"threshold": "87%"}}}})
    for tenant in tenants.values():
        tenant.ready()

    served = {tenant.name: {NAMES[shard.number - 1]} for shard, tenant in tenants.items()}
    assert written_by(pods) == served
    for tenant in tenants.values():
        events = releases.plane.audit_since(mark, user=ACCOUNT, writes_only=True)
        rules = [event for event in events if event.namespace == tenant.name and event.resource == "prometheusrules"]
        assert [(event.verb, event.name) for event in rules] == [("patch", "crm-crm-stock")]
        kept = {name: child["metadata"]["uid"] for name, child in tenant.children().items()}
        assert kept == {name: child["metadata"]["uid"] for name, child in children[tenant.name].items()}

    releases.helm("upgrade", RELEASE, CHART, *fixed)
    pods.follow()
    assert list(pods.running) == [RELEASE]
    for tenant in tenants.values():
        tenant.edit({"alerts": None})
        tenant.ready()
    assert written_by(pods) == {tenant.name: {RELEASE} for tenant in tenants.values()}
