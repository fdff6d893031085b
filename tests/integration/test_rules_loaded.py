"""The real prometheus-operator takes the objects of every example, and a real Prometheus runs what it makes of them."""

import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

import rendered_examples
from crm_monitoring.api.validation import load
from crm_monitoring.manifest import PROMETHEUS_RULE, Manifest
from crm_monitoring.render import merged
from crm_monitoring.render.compiler import render
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.secret_values import placeholders
from crm_monitoring.render.settings import RenderSettings
from rendered_examples import EXAMPLES
from support import promtool
from support.endpoints import settled
from support.generated import alertmanager_config, localised, prometheus_config, rule_files
from support.live import encoded, eventually
from support.prometheus import Prometheus, running
from support.series import DAY, Replica, exposition
from testbed import binaries
from testbed.controlplane import ControlPlane
from testbed.prometheus_operator import PrometheusOperator

pytestmark = pytest.mark.integration

CASES = [case for case in rendered_examples.cases() if (EXAMPLES / case / "workload.yaml").exists()]
"""The examples that live in a cluster."""
EVERYTHING: dict[str, Any] = {}
"""The empty selector."""


def documents(path: Path) -> list[Manifest]:
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each] if path.exists() else []


@dataclass
class Example:
    """One example in a namespace of its own, and all that it becomes."""

    name: str
    namespace: str
    settings: RenderSettings

    @property
    def workloads(self) -> list[Manifest]:
        return [self._moved(each) for each in documents(EXAMPLES / self.name / "workload.yaml")]

    @property
    def resources(self) -> list[Manifest]:
        found = documents(EXAMPLES / self.name / "crmmonitoring.yaml")
        return [
            self._moved({**each, "metadata": {**each["metadata"], "uid": f"uid-{n}"}}) for n, each in enumerate(found)
        ]

    def objects(self) -> list[Manifest]:
        """Return what our operator writes for the example, and the Secrets that it reads."""
        children: list[Manifest] = []
        fragments = {}
        for body in self.resources:
            resource, secrets = load(body), placeholders(load(body))
            children += [
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": _encoded(content or {})}
                for name, content in secrets.items()
            ]
            bundle = render(resource, self._observed(body), secrets, self.settings)
            assert bundle.findings == ()
            children += bundle.children
            if bundle.fragment:
                fragments[bundle.fragment.secret_name] = [
                    *fragments.get(bundle.fragment.secret_name, ()),
                    bundle.fragment,
                ]
        children += [
            merged.merged_secret(self.namespace, name, [], merged.merge(all_)) for name, all_ in fragments.items()
        ]
        return [self._ownerless(child) for child in children]

    def _observed(self, body: Manifest) -> Observed:
        target = {"kind": "Deployment", **body["spec"]["target"]}
        wanted = (target["kind"], target["name"])
        (workload,) = [each for each in self.workloads if (each["kind"], each["metadata"]["name"]) == wanted]
        return Observed.of(workload, [each for each in self.workloads if each["kind"] == "Service"])

    def _moved(self, manifest: Manifest) -> Manifest:
        return {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}

    def _ownerless(self, manifest: Manifest) -> Manifest:
        metadata = {name: value for name, value in manifest["metadata"].items() if name != "ownerReferences"}
        return self._moved({**manifest, "metadata": metadata})


def _encoded(content: Any) -> dict[str, str]:
    return {key: encoded(value.reveal().decode()) for key, value in content.items()}


def prometheus_object(namespace: str) -> Manifest:
    selectors = ("rule", "serviceMonitor", "podMonitor", "probe")
    spec = {f"{name}Selector": EVERYTHING for name in selectors} | {
        f"{name}NamespaceSelector": EVERYTHING for name in selectors
    }
    timing = {"evaluationInterval": "1s", "scrapeInterval": "1s", "scrapeTimeout": "1s"}
    return _object("Prometheus", namespace, {"replicas": 1, "shards": 2, "version": "v3.5.0", **spec, **timing})


def alertmanager_object(namespace: str, name: str, **spec: Any) -> Manifest:
    return _object("Alertmanager", namespace, {"replicas": 1, **spec}, name)


def _object(kind: str, namespace: str, spec: dict[str, Any], name: str = "main") -> Manifest:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


@dataclass
class Stack:
    """Examples in a cluster with prometheus-operator, and a Prometheus that runs what it generated."""

    plane: ControlPlane
    home: str
    examples: list[Example]
    operator_metrics: str
    rules: dict[str, str]
    config: Path
    prometheus: Prometheus

    def objects(self, *kinds: str) -> list[Manifest]:
        return [each for example in self.examples for each in example.objects() if each["kind"] in kinds]


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    """A CRM that exports what the contract says."""
    replica = Replica(time.time() - DAY)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = exposition(replica, time.time()) if self.path.startswith("/metrics") else "probe_success 1\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def stack(
    control_plane: ControlPlane, tool: Callable[[str], Path], application: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    tool("prometheus-operator")
    directory = tmp_path_factory.mktemp("rules")
    control_plane.install_crds(binaries.crds())
    home = f"loaded-{time.time_ns() % 10**9}"
    settings = RenderSettings(cluster="test", prober=application)
    examples = [Example(case, f"{home}-{case}", settings) for case in CASES]
    for name in (home, *(example.namespace for example in examples)):
        control_plane.create_namespace(name)
    manifests: list[Manifest] = [prometheus_object(home), alertmanager_object(home, "shared", **SELECTING)]
    for example in examples:
        manifests += [*example.workloads, *example.objects(), alertmanager_object(example.namespace, "crm")]
    control_plane.kubectl("apply", "--server-side", "--validate=strict", "-f", "-", input=yaml.safe_dump_all(manifests))

    watched = [home, *(example.namespace for example in examples)]
    with PrometheusOperator(control_plane.kubeconfig(), namespaces=watched, directory=directory) as operator:
        wanted = sum(each["kind"] == PROMETHEUS_RULE.name for each in manifests)
        jobs = sum(each["kind"] in ("ServiceMonitor", "PodMonitor", "Probe") for each in manifests)
        eventually(lambda: len(rule_files(control_plane, home, "main")) == wanted, within=60)
        eventually(
            lambda: len(prometheus_config(control_plane, home, "main").get("scrape_configs", ())) == jobs, within=60
        )
        eventually(lambda: b"crm" in alertmanager_config(control_plane, home, "shared").encode(), within=60)
        with urllib.request.urlopen(f"{operator.url}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    rules = rule_files(control_plane, home, "main")
    for path, content in rules.items():
        (directory / path).parent.mkdir(exist_ok=True)
        # Groups with an interval of their own are first evaluated within it; here they must not wait for a minute.
        (directory / path).write_text(content.replace("interval: 1m", "interval: 1s"))
    config = directory / "prometheus.yaml"
    live = [each for example in examples for each in example.workloads]
    local = localised(prometheus_config(control_plane, home, "main", shard=1), directory, application, live)
    config.write_text(yaml.safe_dump(local))
    with running(tool("prometheus"), config, directory / "data") as prometheus:
        yield Stack(control_plane, home, examples, metrics, rules, config, prometheus)


SELECTING = {"alertmanagerConfigSelector": EVERYTHING, "alertmanagerConfigNamespaceSelector": EVERYTHING}


def managed(metrics: str, kind: str, state: str) -> float:
    """Return how many objects of a kind prometheus-operator selected, or rejected."""
    lines = re.findall(r"^prometheus_operator_managed_resources\{(.*)\} (\S+)$", metrics, re.M)
    return sum(
        float(value) for labels, value in lines if f'resource="{kind}"' in labels and f'state="{state}"' in labels
    )


@pytest.mark.parametrize("kind", ["PrometheusRule", "ServiceMonitor", "PodMonitor", "Probe", "AlertmanagerConfig"])
def test_prometheus_operator_rejects_nothing(kind: str, stack: Stack) -> None:
    assert managed(stack.operator_metrics, kind, "rejected") == 0
    assert managed(stack.operator_metrics, kind, "selected") == len(stack.objects(kind)) > 0


def test_promtool_accepts_the_generated_configuration(stack: Stack, tool: Callable[[str], Path]) -> None:
    checked = promtool.run(tool("promtool"), "check", "config", "--lint=all", "--lint-fatal", stack.config)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_prometheus_loads_every_rule_as_we_wrote_it(stack: Stack) -> None:
    written = {
        (group["name"], rule.get("alert") or rule["record"])
        for each in stack.objects(PROMETHEUS_RULE.name)
        for group in each["spec"]["groups"]
        for rule in group["rules"]
    }
    loaded = {
        (group["name"], rule["name"]) for group in stack.prometheus.api("rules")["groups"] for rule in group["rules"]
    }

    assert loaded == written


def test_prometheus_evaluates_every_rule_without_an_error(stack: Stack) -> None:
    def evaluated() -> list[dict[str, Any]]:
        found = stack.prometheus.rules()
        return found if all(rule["health"] != "unknown" for rule in found) else []

    rules = eventually(evaluated, within=90)

    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    (loaded,) = stack.prometheus.instant("prometheus_config_last_reload_successful") or [{"value": [0, "1"]}]
    assert loaded["value"][1] == "1"


def test_every_shard_scrapes_the_targets_of_every_resource_and_stamps_the_identity(stack: Stack) -> None:
    wanted = sorted(
        (each["metadata"]["namespace"], each["metadata"]["name"], each["spec"]["target"]["name"])
        for example in stack.examples
        for each in example.resources
        if each["spec"].get("metrics", {}).get("monitor") != "None"
    )

    def scraped() -> list[tuple[str, ...]]:
        found = [each["metric"] for each in stack.prometheus.instant("up == 1")]
        names = ("namespace", "crm_monitoring", "job")
        return sorted(tuple(each.get(name, "") for name in names) for each in found if "blackbox" not in each["job"])

    settled(lambda: scraped() == wanted, within=90)
    assert scraped() == wanted


def test_a_generated_alertmanager_configuration_passes_amtool(
    stack: Stack, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    routed = {
        each["metadata"]["namespace"]
        for each in stack.objects("Secret")
        if each["metadata"]["name"] == "alertmanager-crm"
    }
    assert routed
    contents = {"shared": alertmanager_config(stack.plane, stack.home, "shared")}
    contents |= {name: alertmanager_config(stack.plane, name, "crm") for name in routed}
    for name, content in contents.items():
        path = tmp_path / f"{name}.yaml"
        path.write_text(content)
        done = subprocess.run([tool("amtool"), "check-config", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, name + done.stdout + done.stderr
        assert "crm" in content
