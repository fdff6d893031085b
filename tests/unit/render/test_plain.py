"""Configuration of a Prometheus and an Alertmanager that no operator configures."""

from collections.abc import Mapping
from typing import Any

import pytest

from crm_monitoring.contract import labels
from crm_monitoring.render import plain, rules, secret_values
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.plain import Monitored, ScrapeConfig
from crm_monitoring.render.settings import RenderSettings
from support.resources import RECEIVERS, full, minimal, parsed

SETTINGS = RenderSettings(prober="prober:9115")


def monitored(
    change: Mapping[str, Any] | None = None, *targets: str, settings: RenderSettings = SETTINGS, **metadata: Any
) -> Monitored:
    resource = parsed(minimal(change, **metadata))
    return plain.monitored(resource, secret_values.placeholders(resource), settings, targets)


def job(change: Mapping[str, Any] | None = None, *targets: str) -> ScrapeConfig:
    return monitored(change, *targets).jobs[0]


def stamped(job: ScrapeConfig) -> dict[str, str]:
    return {each["target_label"]: each["replacement"] for each in job["relabel_configs"] if "source_labels" not in each}


def test_the_rules_are_those_that_the_operator_would_apply() -> None:
    resource = parsed(full())
    applied = rules.part(resource, Observed(), {}, SETTINGS).children
    groups = plain.monitored(resource, {}, SETTINGS).groups
    assert list(groups) == [group for child in applied for group in child["spec"]["groups"]]


def test_a_job_stamps_the_identity_and_trusts_no_label_of_the_application() -> None:
    found = job({"target": {"name": "api"}}, "a:1")
    assert stamped(found) == {"job": "api", "namespace": "crm", "crm_monitoring": "crm"}
    assert found["honor_labels"] is False


TARGETS: dict[str, tuple[Mapping[str, Any], tuple[str, ...], list[str]]] = {
    "each replica that is given": ({}, ("crm-a:9000", "crm-b:9000"), ["crm-a:9000", "crm-b:9000"]),
    "the target's name and the library's port when nothing is given": ({}, (), ["crm-api:8000"]),
    "the Service's name before the target's": ({"target": {"service": "crm"}}, (), ["crm:8000"]),
    "the port when it is a number": ({"metrics": {"port": 9100}}, (), ["crm-api:9100"]),
}


@pytest.mark.parametrize("case", TARGETS)
def test_prometheus_scrapes(case: str) -> None:
    change, targets, wanted = TARGETS[case]
    assert job(change, *targets)["static_configs"] == [{"targets": wanted}]


def test_a_derived_target_is_told_and_a_given_one_is_not() -> None:
    assert monitored().warnings == (
        "nothing says where the CRM answers, so crm-api:8000 is assumed; --target HOST:PORT says it",
    )
    assert monitored({}, "crm-a:8000").warnings == ()


def test_the_settings_of_a_scrape_are_the_resources() -> None:
    found = job({"metrics": {"path": "/m", "interval": "60s", "scrapeTimeout": "5s", "sampleLimit": 500}})
    settings = ("metrics_path", "scheme", "scrape_interval", "scrape_timeout", "sample_limit")
    assert {name: found[name] for name in settings} == {  # type: ignore[literal-required]
        "metrics_path": "/m",
        "scheme": "http",
        "scrape_interval": "1m",
        "scrape_timeout": "5s",
        "sample_limit": 500,
    }


def test_a_token_and_a_certificate_are_files_never_values() -> None:
    change = {
        "metrics": {
            "scheme": "https",
            "tls": {"caSecretRef": {"name": "crm-tls", "key": "ca.crt"}, "serverName": "crm.example"},
            "bearerTokenSecretRef": {"name": "crm-metrics", "key": "token"},
        }
    }
    found = job(change, "a:1")
    assert found["authorization"] == {"type": "Bearer", "credentials_file": "crm-metrics/token"}
    assert found["tls_config"] == {"ca_file": "crm-tls/ca.crt", "server_name": "crm.example"}
    assert [text.split(":")[0] for text in monitored(change, "a:1").warnings] == [
        "spec.metrics.bearerTokenSecretRef",
        "spec.metrics.tls.caSecretRef",
    ]


def test_where_something_else_scrapes_there_is_no_job_and_a_word_on_the_label_that_its_series_need() -> None:
    found = monitored({"metrics": {"monitor": "None", "existingJob": "crm"}})
    assert found.jobs == ()
    assert 'whose series must carry namespace="crm"' in found.warnings[0]
    assert "scrape_config_files" not in plain.prometheus_file([found])


def test_the_health_check_goes_through_the_prober_and_does_not_pass_for_a_replica() -> None:
    found = monitored({"blackbox": {"port": 8080, "interval": "5s"}}, "crm-a:8000", "crm-b:8000").jobs[1]
    assert found["static_configs"] == [
        {
            "targets": [
                "http://crm-a:8080/api/crm/health?include_details=true",
                "http://crm-b:8080/api/crm/health?include_details=true",
            ]
        }
    ]
    assert stamped(found) == {"__address__": "prober:9115", "job": "crm-api-blackbox", "namespace": "crm"}
    assert found["metric_relabel_configs"] == [{"target_label": labels.RESOURCE, "replacement": "crm"}]
    assert found["scrape_timeout"] == "5s"


def test_a_health_port_that_is_a_name_is_assumed_with_a_word() -> None:
    assert any("http://crm-a:80/" in text for text in monitored({"blackbox": {}}, "crm-a:8000").warnings)


def test_a_health_check_without_a_prober_is_a_problem() -> None:
    found = monitored({"blackbox": {}}, settings=RenderSettings())
    assert len(found.jobs) == 1
    assert "--prober HOST:PORT" in found.problems[0]


def test_fields_of_a_workload_are_told_to_be_left_out() -> None:
    change = {"workload": {"env": {"logLevel": "INFO"}}}
    assert any(text.startswith("spec.workload is left out") for text in monitored(change, "a:1").warnings)


def test_routing_is_the_same_in_whichever_object_kubernetes_would_have_it() -> None:
    receivers = {"receivers": list(RECEIVERS)}
    inside, shared = (monitored({"notifications": {"mode": mode, **receivers}}) for mode in MODES)
    assert inside.fragment == shared.fragment
    assert inside.fragment is not None


MODES = ("Secret", "AlertmanagerConfig")


def test_a_missing_secret_is_a_problem_and_leaves_no_fragment() -> None:
    resource = parsed(minimal({"notifications": {"receivers": list(RECEIVERS)}}))
    found = plain.monitored(resource, {}, SETTINGS)
    assert (found.notifies, found.fragment) == (True, None)
    assert any(text.startswith("SecretMissing: spec.notifications") for text in found.problems)


def test_rules_are_evaluated_as_often_as_the_most_eager_resource_is_scraped() -> None:
    slow = monitored({"metrics": {"interval": "60s"}}, name="slow")
    quick = monitored({"metrics": {"interval": "20s"}}, name="quick")
    assert plain.prometheus_file([slow, quick])["global"] == {"evaluation_interval": "20s"}


ALERTMANAGERS: dict[str, tuple[bool, tuple[str, ...], list[str]]] = {
    "those that are given": (False, ("a:9093", "b:9093"), ["a:9093", "b:9093"]),
    "a default one where somebody is notified": (True, (), ["alertmanager:9093"]),
    "nowhere when nobody is notified": (False, (), []),
}


@pytest.mark.parametrize("case", ALERTMANAGERS)
def test_alerts_are_sent_to(case: str) -> None:
    notifies, given, wanted = ALERTMANAGERS[case]
    found = monitored({"notifications": {"receivers": list(RECEIVERS)}} if notifies else {})
    alerting = plain.prometheus_file([found], given).get("alerting")
    assert alerting == ({"alertmanagers": [{"static_configs": [{"targets": wanted}]}]} if wanted else None)


def test_jobs_and_groups_of_several_resources_have_names_of_their_own() -> None:
    found = [monitored(name=name, namespace=space) for name in ("a", "b") for space in ("x", "y")]
    jobs = [each["job_name"] for each in plain.scrape_file(found)["scrape_configs"]]
    groups = [group["name"] for group in plain.rule_file(found)["groups"]]
    assert len(set(jobs)) == 4
    assert len(set(groups)) == len(groups)
