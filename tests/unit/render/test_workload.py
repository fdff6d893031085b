import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.api.conditions import ConditionType
from crm_monitoring.contract import environment
from crm_monitoring.manifest import STATEFUL_SET
from crm_monitoring.render import workload
from crm_monitoring.render.bundle import Part, WorkloadFields
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support import targets
from support.resources import full, minimal, parsed

LIVE = Observed.of(targets.workload(), [])


def part(block: dict[str, Any] | None, observed: Observed = LIVE, target: dict[str, Any] | None = None) -> Part:
    body = minimal({"workload": block, "target": target or {}})
    return workload.part(parsed(body), observed, {}, RenderSettings())


def fields(built: Part) -> WorkloadFields:
    assert built.findings == ()
    assert built.workload is not None
    return built.workload


def refused(built: Part) -> str:
    assert built.workload is None
    (finding,) = built.findings
    assert finding.condition is ConditionType.WORKLOAD
    return f"{finding.reason}: {finding.message}"


def test_without_the_block_the_workload_is_not_touched() -> None:
    assert part(None) == Part()


def test_an_empty_block_asks_for_no_field() -> None:
    assert fields(part({})) == WorkloadFields("api", {}, {})


def test_probes_are_complete_so_that_they_can_be_compared_with_live_ones() -> None:
    block = {"probes": {"readiness": {}, "liveness": {"initialDelaySeconds": 5, "scheme": "HTTPS"}, "startup": {}}}
    assert fields(part(block)).probes == {
        "livenessProbe": {
            "httpGet": {"path": "/api/crm/health/liveness", "port": "http", "scheme": "HTTPS"},
            "initialDelaySeconds": 5,
            "periodSeconds": 10,
            "timeoutSeconds": 2,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "readinessProbe": {
            "httpGet": {"path": "/api/crm/health/readiness", "port": "http", "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 2,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "startupProbe": {
            "httpGet": {"path": "/api/crm/health/liveness", "port": "http", "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 2,
            "successThreshold": 1,
            "failureThreshold": 30,
        },
    }


def test_only_the_probes_that_are_present_are_set() -> None:
    assert set(fields(part({"probes": {"readiness": {}}})).probes) == {"readinessProbe"}


def test_variables_have_the_names_and_the_form_that_the_crm_reads() -> None:
    env = {
        "logLevel": "DEBUG",
        "jsonLogging": False,
        "logFile": "/var/log/crm/crm.log",
        "healthCheckInterval": "1m30s",
        "metricsPort": 8000,
        "metricsPath": "/metrics",
    }
    assert fields(part({"env": env})).env == {
        "CRM_ENABLE_JSON_LOGGING": "false",
        "CRM_HEALTH_CHECK_INTERVAL": "90",
        "CRM_LOG_FILE": "/var/log/crm/crm.log",
        "CRM_LOG_LEVEL": "DEBUG",
        "CRM_METRICS_PATH": "/metrics",
        "CRM_METRICS_PORT": "8000",
    }


def test_variables_that_are_absent_are_not_set() -> None:
    assert fields(part({"env": {"jsonLogging": True}})).env == {"CRM_ENABLE_JSON_LOGGING": "true"}


def test_no_alerting_variable_is_ever_set() -> None:
    everything = workload.part(parsed(full()), LIVE, {}, RenderSettings())
    alerting = {variable.name for variable in environment.ALL if "ALERT" in variable.name}
    assert alerting
    assert not alerting & set(fields(everything).env)


def test_a_fraction_of_a_second_is_rounded_up() -> None:
    assert fields(part({"env": {"healthCheckInterval": "1500ms"}})).env["CRM_HEALTH_CHECK_INTERVAL"] == "2"


def expanded(value: str) -> str:
    """Return what the container sees: the kubelet replaces $(NAME) and turns $$ into $."""
    return re.sub(r"\$\$|\$\([A-Za-z_.-]+\)", lambda found: "$" if found[0] == "$$" else "secret", value)


@given(st.lists(st.sampled_from(["$", "(", ")", "$(HOME)", "a"]), max_size=6))
def test_the_container_sees_the_path_as_it_was_written(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    assert expanded(fields(part({"env": {"metricsPath": path}})).env["CRM_METRICS_PATH"]) == path


TWO = Observed.of(targets.workload(containers=[targets.container(), targets.container("proxy", ports=[])]), [])
PROBES: dict[str, Any] = {"probes": {"readiness": {}}}

UNDECIDED: dict[str, tuple[dict[str, Any], Observed, dict[str, Any], str]] = {
    "an absent workload": (PROBES, Observed(), {}, "TargetNotFound: spec.target: Deployment crm-api does not exist"),
    "several containers and no choice": (
        PROBES,
        TWO,
        {},
        "AmbiguousContainer: spec.target.container: Deployment crm-api has several containers: api, proxy. "
        "Set spec.target.container to one of them.",
    ),
    "a chosen container that is absent": (
        PROBES,
        TWO,
        {"container": "web"},
        "ContainerNotFound: spec.target.container: Deployment crm-api has no container web. It has: api, proxy.",
    ),
    "a named port that the container lacks": (
        PROBES,
        TWO,
        {"container": "proxy"},
        "PortNotFound: spec.workload.probes.port: no port of the container is named http, so every probe would fail. "
        "Ports of container proxy: no ports.",
    ),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_no_field_is_set_with(case: str) -> None:
    block, observed, target, expected = UNDECIDED[case]
    assert refused(part(block, observed, target)).startswith(expected)


def test_a_port_number_needs_no_declaration() -> None:
    block = {"probes": {"port": 9999, "readiness": {}}}
    assert fields(part(block)).probes["readinessProbe"]["httpGet"]["port"] == 9999


def test_a_named_port_does_not_matter_when_no_probe_uses_it() -> None:
    assert fields(part({"probes": {"port": "web"}})).probes == {}


def test_the_patch_holds_exactly_the_fields() -> None:
    wanted = fields(part({"probes": {"readiness": {}}, "env": {"logLevel": "INFO"}}))
    assert workload.workload_patch(parsed(), wanted, STATEFUL_SET) == {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "crm-api", "namespace": "crm"},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "api",
                            "env": [{"name": "CRM_LOG_LEVEL", "value": "INFO"}],
                            "readinessProbe": wanted.probes["readinessProbe"],
                        }
                    ]
                }
            }
        },
    }


def test_the_patch_of_no_fields_names_the_container_only() -> None:
    patch = workload.workload_patch(parsed(), WorkloadFields("api", {}, {}), STATEFUL_SET)
    assert patch["spec"]["template"]["spec"]["containers"] == [{"name": "api"}]
