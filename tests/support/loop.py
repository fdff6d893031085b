"""The closed loop: the running sample, a real Prometheus that scrapes it, a real Alertmanager that tells receivers.

Both run the configuration that the real prometheus-operator generates from what our operator wrote. Three things are
put in its place: discovery becomes a list of addresses with the same meta labels (the API server refuses endpoints on
loopback), the rules' directory is a local one, and PagerDuty's address is that of a stand-in.
"""

import os
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crm_monitoring.contract.alerts import Channel
from crm_monitoring.manifest import Manifest
from support import prometheus, receivers, sample
from support.generated import DISCOVERY, alertmanager_config, localised, prometheus_config, rule_files
from support.live import encoded, eventually
from support.prometheus import Prometheus
from support.receivers import Receivers
from support.sample import SOURCE, Sample
from support.timeline import Timeline
from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.processes import ChildProcess, ReservedPort
from testbed.prometheus_operator import PrometheusOperator

WORKLOAD = SOURCE.parent / "quickstart" / "workload.yaml"
RESOURCE = SOURCE / "fast.yaml"
TOOLS = ("prometheus", "alertmanager", "prometheus-operator")
NAME = "crm"
"""Name of the resource and of the Alertmanager, which therefore loads the Secret alertmanager-crm."""
RULE_OBJECTS = 2
"""PrometheusRule objects of the resource: stock and meta."""

FIRES_WITHIN, ENDS_WITHIN = 90.0, 150.0
"""Seconds. The longest window and `for` together are a minute; the rest is for a busy machine."""


@dataclass(frozen=True)
class Loop:
    """Everything that runs, and what happened."""

    sample: Sample
    prometheus: Prometheus
    alertmanager: str
    """Its address."""
    receivers: Receivers
    timeline: Timeline

    def inject(self, *faults: str, **shares: float) -> float:
        """Turn faults on, some with a share of their own; return the moment."""
        for name in faults:
            self.sample.fault(name, share=shares.get(name))
        return self.timeline.note(f"injected: {', '.join(faults)}")

    def fix(self, *faults: str) -> float:
        """Turn faults off; return the moment."""
        for name in faults:
            self.sample.fault(name, on=False)
        return self.timeline.note(f"fixed: {', '.join(faults)}")

    def provoke(self, wanted: Mapping[str, set[Channel]], *faults: str, **shares: float) -> None:
        """Turn faults on until each alert was told to its receivers, and off until its end was."""
        self.wait_told("firing", wanted, self.inject(*faults, **shares), FIRES_WITHIN)
        early = {told for told in self.receivers.told() if told.status == "resolved" and told.alert in wanted}
        assert not early, "told to be over although the fault goes on"
        self.wait_told("resolved", wanted, self.fix(*faults), ENDS_WITHIN)

    def wait_told(self, status: str, alerts: Mapping[str, set[Channel]], since: float, within: float) -> None:
        """Wait until each alert was told to its receivers, and note when."""
        open_ = dict(alerts)

        def done() -> bool:
            for alert, wanted in list(open_.items()):
                if self.receivers.told_of(alert, status) >= wanted:
                    who = ", ".join(sorted(wanted))
                    self.timeline.note(f"{status:<8} {alert} -> {who}", since)
                    del open_[alert]
            return not open_

        try:
            eventually(done, within)
        except AssertionError:
            raise AssertionError(f"nobody was told within {within:.0f} s that these are {status}: {open_}") from None


@contextmanager
def running(
    plane: ControlPlane, namespace: str, directory: Path, say: Callable[[str], None] = lambda line: None
) -> Iterator[Loop]:
    """Run the loop in a namespace that our operator watches. `say` gets each line of the timeline as it comes.

    Raise ToolMissing, StartFailed, or AssertionError when the cluster does not come to what is wanted.
    """
    tools = {name: binaries.find(name) for name in TOOLS}
    timeline = Timeline(say)
    with ExitStack() as stack:
        told = stack.enter_context(receivers.serving(directory))
        began = timeline.now()
        running_sample = stack.enter_context(sample.running(directory))
        timeline.note("the sample CRM sends messages", began)
        began = timeline.now()
        workload = apply(plane, namespace, told)
        prometheus_yaml, alertmanager_yaml = generate(plane, namespace, directory)
        timeline.note("our operator and prometheus-operator have written the configuration", began)
        began = timeline.now()
        url = stack.enter_context(_alertmanager(tools["alertmanager"], alertmanager_yaml, told, directory))
        local = localised(prometheus_yaml, directory, running_sample.target, workload)
        config = directory / "prometheus.yaml"
        config.write_text(yaml.safe_dump({**local, "alerting": _alerting(prometheus_yaml, url)}), encoding="utf-8")
        server = stack.enter_context(prometheus.running(tools["prometheus"], config, directory / "prometheus"))
        eventually(lambda: server.instant(f'up{{namespace="{namespace}"}} == 1'), within=30)
        timeline.note("Prometheus scrapes the sample, Alertmanager is ready", began)
        yield Loop(running_sample, server, f"http://{url}", told, timeline)


def apply(plane: ControlPlane, namespace: str, told: Receivers) -> list[Manifest]:
    """Create workload, credentials, resource, Prometheus and Alertmanager; return the workload with its Service."""
    workload = [_moved(each, namespace) for each in yaml.safe_load_all(WORKLOAD.read_text(encoding="utf-8"))]
    resource = _moved(yaml.safe_load(RESOURCE.read_text(encoding="utf-8")), namespace)
    for receiver in resource["spec"]["notifications"]["receivers"]:
        if email := receiver.get("email"):
            email.update(smarthost=told.smarthost, requireTls=False)
    data = {key: encoded(value) for key, value in told.secret.items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "crm-alerting"}, "data": data}
    alertmanagers = [{"name": "alertmanager-operated", "namespace": namespace, "port": "web"}]
    selecting = {"ruleSelector": {}, "serviceMonitorSelector": {}, "alerting": {"alertmanagers": alertmanagers}}
    timing = {"evaluationInterval": "1s", "scrapeInterval": "1s", "scrapeTimeout": "1s"}
    spec = {"replicas": 1, "version": "v3.5.0", **selecting, **timing}
    objects = [
        *workload,
        _moved(secret, namespace),
        _moved(_monitoring("Prometheus", spec), namespace),
        _moved(_monitoring("Alertmanager", {"replicas": 1}), namespace),
        resource,
    ]
    plane.apply(yaml.safe_dump_all(objects))
    return workload


def generate(plane: ControlPlane, namespace: str, directory: Path) -> tuple[dict[str, Any], str]:
    """Run prometheus-operator until it has read all that our operator wrote; return what it made of that.

    The rules go to the directory, as the other two will need them there.
    """
    with PrometheusOperator(plane.kubeconfig(), namespaces=[namespace], directory=directory):
        eventually(lambda: len(rule_files(plane, namespace, NAME)) == RULE_OBJECTS, within=60)
        eventually(lambda: prometheus_config(plane, namespace, NAME).get("scrape_configs"), within=60)
        eventually(lambda: "pagerduty_configs" in alertmanager_config(plane, namespace, NAME), within=60)
        for path, content in rule_files(plane, namespace, NAME).items():
            (directory / path).parent.mkdir(exist_ok=True)
            (directory / path).write_text(content, encoding="utf-8")
        return prometheus_config(plane, namespace, NAME), alertmanager_config(plane, namespace, NAME)


@contextmanager
def _alertmanager(binary: Path, config: str, told: Receivers, directory: Path) -> Iterator[str]:
    """Run Alertmanager; PagerDuty's own address is the one thing that is edited."""
    tree = yaml.load(config, yaml.CSafeLoader)
    tree["global"] = {**(tree.get("global") or {}), "pagerduty_url": told.pagerduty_url}
    path = directory / "alertmanager.yaml"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    port = ReservedPort()
    url = f"127.0.0.1:{port}"
    command: list[str | Path] = [
        binary,
        f"--config.file={path}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address={url}",
        "--cluster.listen-address=",
    ]
    env = {**os.environ, "SSL_CERT_FILE": str(told.certificate)}
    with ChildProcess("alertmanager", command, log=directory / "alertmanager.log", env=env) as process:
        process.wait_until(lambda: _is_ready(url), within=30)
        yield url
    port.release()


def _alerting(config: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the generated way to Alertmanager, its discovery replaced by the address with its meta labels."""
    labels = {
        "__meta_kubernetes_service_name": "alertmanager-operated",
        "__meta_kubernetes_endpoint_port_name": "web",
        "__meta_kubernetes_endpointslice_port_name": "web",
    }
    (generated,) = config["alerting"]["alertmanagers"]
    kept = {name: value for name, value in generated.items() if name != DISCOVERY}
    local = {**kept, "static_configs": [{"targets": [url], "labels": labels}]}
    return {**config["alerting"], "alertmanagers": [local]}


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{url}/-/ready", timeout=2) as answer:
            return int(answer.status) == 200
    except OSError:
        return False


def _moved(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _monitoring(kind: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": {"name": NAME}, "spec": spec}
