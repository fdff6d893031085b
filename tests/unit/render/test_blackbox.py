from typing import Any

from crm_monitoring.api.conditions import Reason
from crm_monitoring.manifest import PROBE, Manifest, ObjectKey
from crm_monitoring.render import blackbox
from crm_monitoring.render.bundle import Part
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.resources import minimal, parsed
from support.targets import service, workload

LIVE = Observed.of(workload(), [service()])
PROBER = "blackbox.monitoring.svc:9115"


def part(block: dict[str, Any] | None, observed: Observed = LIVE, prober: str = PROBER) -> Part:
    body = minimal({"blackbox": block})
    return blackbox.part(parsed(body), observed, {}, RenderSettings(prober=prober))


def probe(built: Part) -> Manifest:
    assert built.findings == ()
    (child,) = built.children
    return child


def reasons(built: Part) -> list[Reason]:
    assert built.children == ()
    assert built.held == {ObjectKey(PROBE, "crm", "crm-crm-blackbox")}
    return [finding.reason for finding in built.findings]


def test_without_the_block_nothing_is_checked() -> None:
    assert part(None) == Part()


def test_an_empty_block_checks_the_health_endpoint_with_details() -> None:
    assert probe(part({}))["spec"] == {
        "jobName": "crm-api-blackbox",
        "prober": {"url": PROBER},
        "module": "http_2xx",
        "interval": "30s",
        "scrapeTimeout": "10s",
        "targets": {
            "staticConfig": {
                "static": ["http://crm-api.crm.svc:80/api/crm/health?include_details=true"],
                "labels": {"namespace": "crm"},
                "relabelingConfigs": [
                    {"action": "replace", "targetLabel": "__tmp_disable_sharding", "replacement": "true"}
                ],
            }
        },
        "metricRelabelings": [{"action": "replace", "targetLabel": "crm_monitoring", "replacement": "crm"}],
    }


def test_up_of_the_exporter_does_not_pass_for_a_replica_of_the_crm() -> None:
    spec = probe(part({}))["spec"]
    stamped = str(spec["targets"])
    assert "crm_monitoring" not in stamped


def test_every_field_of_the_block_counts() -> None:
    block = {"path": "/healthz", "port": 8000, "scheme": "https", "module": "crm_health", "interval": "1m"}
    spec = probe(part(block))["spec"]
    assert spec["targets"]["staticConfig"]["static"] == ["https://crm-api.crm.svc:8000/healthz?include_details=true"]
    assert (spec["module"], spec["interval"], spec["scrapeTimeout"]) == ("crm_health", "1m", "10s")


def test_a_check_never_takes_longer_than_the_interval() -> None:
    assert probe(part({"interval": "5s"}))["spec"]["scrapeTimeout"] == "5s"


def test_a_service_port_needs_no_name() -> None:
    observed = Observed.of(workload(), [service(ports=[{"port": 80}])])
    assert ":80/" in str(probe(part({"port": 80}, observed)))


def test_an_absent_target_keeps_the_probe() -> None:
    assert reasons(part({}, Observed())) == [Reason.TARGET_NOT_FOUND]


def test_an_absent_port_keeps_the_probe_and_names_the_ports_that_exist() -> None:
    built = part({"port": "web"})
    assert reasons(built) == [Reason.PORT_NOT_FOUND]
    assert "Ports: Service crm-api: http (80), metrics (8000)." in built.findings[0].message


def test_several_services_are_ambiguous() -> None:
    assert reasons(part({}, Observed.of(workload(), [service("a"), service("b")]))) == [Reason.AMBIGUOUS_SERVICE]


def test_a_missing_prober_is_reported_with_everything_else() -> None:
    assert reasons(part({}, Observed(), prober="")) == [Reason.PROBER_MISSING, Reason.TARGET_NOT_FOUND]
