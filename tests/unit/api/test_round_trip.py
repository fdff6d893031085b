"""Whatever resource can be built comes back from its JSON unchanged."""

import re
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_monitoring.api.parsing import parse
from crm_monitoring.api.v1alpha1 import CRMMonitoring, Spec
from crm_monitoring.api.v1alpha1 import patterns as p
from crm_monitoring.api.v1alpha1.resource import Metadata
from crm_monitoring.contract.alerts import STOCK


def matching(pattern: str, longest: int) -> st.SearchStrategy[str]:
    body = pattern.removeprefix("^").removesuffix("$")
    return st.from_regex(re.compile(body, re.ASCII), fullmatch=True).filter(lambda text: 0 < len(text) <= longest)


names = st.sampled_from(["a", "crm-api", "x9"])
durations = matching(p.DURATION, 24)
severities = st.sampled_from(["critical", "high", "medium", "low"])
references = st.fixed_dictionaries({"name": names, "key": matching(p.SECRET_KEY, 20)})
ports = st.integers(1, 65535) | matching(p.PORT_NAME, 15)
paths = matching(p.URL_PATH, 40)


def block(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


metrics = block({}, {
    "monitor": st.sampled_from(["Auto", "ServiceMonitor", "PodMonitor"]),
    "port": ports,
    "path": paths,
    "scheme": st.sampled_from(["http", "https"]),
    "tls": block({}, {"caSecretRef": references, "serverName": names}),
    "interval": durations,
    "sampleLimit": st.integers(100, 1_000_000),
})  # fmt: skip
overrides = st.dictionaries(
    st.sampled_from([alert.name for alert in STOCK]),
    block({}, {
        "enabled": st.booleans(),
        "for": durations,
        "severity": severities,
        "annotations": st.dictionaries(matching(p.LABEL_NAME, 20), st.text(max_size=20), max_size=3),
    }),
)  # fmt: skip
receivers = st.lists(
    st.one_of(
        block({"name": names, "webhook": block({"urlSecretRef": references}, {})}, {"severities": st.just(["low"])}),
        block({"name": names, "slack": block({"webhookUrlSecretRef": references}, {"channel": matching(p.SLACK_CHANNEL, 40)})}, {}),
        block({"name": names, "email": block({"to": st.lists(matching(p.EMAIL_ADDRESS, 40), min_size=1, max_size=3),
               "from": matching(p.EMAIL_ADDRESS, 40), "smarthost": matching(p.SMARTHOST, 40)}, {"requireTls": st.booleans()})}, {}),
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
specs = block({"target": block({"name": names}, {"container": names})}, {
    "objectLabels": st.dictionaries(matching(p.LABEL_KEY, 40), matching(p.LABEL_VALUE, 20), max_size=3),
    "metrics": metrics,
    "alerts": block({}, {"overrides": overrides, "severityMap": st.dictionaries(severities, names)}),
    "slos": st.lists(block({"name": names, "sli": st.just("API"), "objective": matching(p.RATIO, 7)}, {}), max_size=2),
    "notifications": block({"receivers": receivers}, {"groupWait": durations}),
    "workload": block({}, {"probes": block({"port": ports}, {"liveness": block({}, {"path": paths})}),
                           "env": block({}, {"jsonLogging": st.booleans(), "metricsPort": st.integers(1, 65535)})}),
    "blackbox": block({}, {"path": paths}),
})  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(specs)
def test_a_resource_comes_back_unchanged(spec: dict[str, Any]) -> None:
    resource = CRMMonitoring(metadata=Metadata(name="crm"), spec=Spec.model_validate_json(orjson.dumps(spec)))

    again = parse(resource.model_dump(mode="json", by_alias=True))

    assert again == resource
    assert parse(again.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)) == resource
