"""Generated resources before a real API server and a running operator."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from crm_monitoring.api.parsing import parse
from crm_monitoring.api.validation import validate
from crm_monitoring.errors import InvalidSpec
from crm_monitoring.manifest import ALERTMANAGER, CHILD_KINDS, CRM_MONITORING, PROMETHEUS_RULE, SECRET, Manifest
from support.live import POLL_SECONDS, Tenant
from support.reliability import canary
from support.reliability.batches import Batches, rule_file
from support.reliability.consumers import Tools, refused
from support.reliability.generate import SECRET_NAMES
from support.reliability.judging import Sample, sample
from support.reliability.oracles import Violations, clean_log, tracebacks
from support.reliability.record import Recorder
from support.reliability.worlds import CANARY, CREDENTIALS
from support.running import RunningOperator
from testbed.controlplane import ControlPlane

IN_A_NAMESPACE = 25
SECONDS_FOR_ALL = 120.0

FLAGS = ("--prober", "blackbox.monitoring:9115", "--resync-seconds", "5", "--poll-seconds", "5")

ONLY_PYTHON = re.compile(r"alert \w+: |has a template that is not accepted|is not a time zone ")
"""How messages begin about what CEL cannot say: the API server accepts it, and `Valid` is False."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A sample that the API server accepted."""

    sample: Sample
    tenant: Tenant
    name: str
    is_valid: bool
    """False when only Python sees what is wrong with it."""


class LiveRun:
    """Sends samples while an operator runs, and judges what became of each. Use it as a context manager."""

    def __init__(
        self,
        plane: ControlPlane,
        directory: Path,
        tool: Callable[[str], Path],
        recorder: Recorder,
        name: str = "generated",
    ) -> None:
        self._plane = plane
        self._directory = directory
        self._tools = Tools(tool, directory)
        promtool = tool("promtool")
        self._rules = Batches(directory, lambda paths: [promtool, "check", "rules", "--lint=none", *paths])
        self._recorder = recorder
        self._name = f"{name}-{time.monotonic_ns():x}"
        self._tenants: list[Tenant] = []
        self._operator: RunningOperator | None = None

    def send(self, numbers: Iterable[int]) -> None:
        """Send the samples of these numbers, and record a row for each."""
        samples = [one for one in map(sample, numbers) if _is_text(one.body)]
        self._tenants = [self._tenant(number) for number in range(-(-len(samples) // IN_A_NAMESPACE))]
        names = [tenant.name for tenant in self._tenants]
        operator = RunningOperator(
            self._plane, f"{self._name}-ops", self._directory, namespaces=names, flags=FLAGS, name=self._name
        )
        self._operator = operator
        operator.start()
        sent, found = [], dict[str, Violations]()
        for place, one in enumerate(samples):
            violations = found[str(one)] = {}
            accepted = self._post(one, self._tenants[place // IN_A_NAMESPACE], violations)
            if accepted:
                sent.append(accepted)
        assert len(sent) > len(samples) / 4
        self._wait(sent, found)
        self._judge(sent, found)
        operator.end()
        log = operator.log.read_text(encoding="utf-8")
        whole: Violations = {"O7": clean_log(log), "O10": operator.complaints()}
        if canary.found(CANARY, log):
            whole["O5"] = ["the log holds a credential"]
        self._recorder.add(
            f"the log of {len(sent)} of them", converged=True, tracebacks=tracebacks(log), violations=whole
        )
        for plan, violations in found.items():
            self._recorder.add(f"sent: {plan}", converged="O3" not in violations, violations=violations)

    def _tenant(self, number: int) -> Tenant:
        tenant = Tenant(self._plane, f"{self._name}-{number}")
        self._plane.create_namespace(tenant.name)
        tenant.deploy()
        for name in SECRET_NAMES:
            tenant.secret(name, **CREDENTIALS)
        tenant.create(ALERTMANAGER, "crm", {"spec": {}})
        return tenant

    def _post(self, one: Sample, tenant: Tenant, violations: Violations) -> Sent | None:
        """Send a sample; note where the verdict of the API server is not the offline one."""
        name = one.body["metadata"]["name"]
        if not any(what.startswith("metadata.name") for what in one.mutations):
            name = f"g-{one.number}"
        body = {**one.body, "metadata": {"name": name}}
        answer = self._plane.api.request("POST", f"{tenant.path(CRM_MONITORING)}?fieldValidation=Strict", body)
        offline = verdict(body)
        said = answer.body.get("message", "") if isinstance(answer.body, dict) else str(answer.body)
        if answer.status not in (201, 400, 409, 422):
            violations["O9"] = [f"the API server answers {answer.status}: {said[:300]}"]
        elif answer.status == 201 and offline.by_server:
            violations["O4"] = [f"accepted, and offline: {'; '.join(offline.by_server)}"]
        elif answer.status in (400, 422) and not offline.by_server:
            violations["O4"] = [f"refused although fine offline: {said[:600]}"]
        return Sent(one, tenant, name, not offline.by_python) if answer.status == 201 else None

    def _wait(self, sent: list[Sent], found: dict[str, Violations]) -> None:
        """Wait until every resource has a word on its present state."""
        deadline = time.monotonic() + SECONDS_FOR_ALL
        waiting = {(one.tenant.name, one.name): one for one in sent}
        while waiting and time.monotonic() < deadline:
            for tenant in self._tenants:
                for body in tenant.every(CRM_MONITORING):
                    if _is_told(body):
                        waiting.pop((tenant.name, body["metadata"]["name"]), None)
            time.sleep(POLL_SECONDS)
        for one in waiting.values():
            found[str(one.sample)]["O3"] = [f"nothing is said of it: {one.tenant.status(one.name)}"]

    def _judge(self, sent: list[Sent], found: dict[str, Violations]) -> None:
        bodies = {
            (tenant.name, body["metadata"]["name"]): body
            for tenant in self._tenants
            for body in tenant.every(CRM_MONITORING)
        }
        for one in sent:
            body = bodies[(one.tenant.name, one.name)]
            said = list(_untruths(one, body))
            if said:
                found[str(one.sample)].setdefault("O4", []).extend(said)
        for tenant in self._tenants:
            self._consume(tenant, found, {one.name: str(one.sample) for one in sent if one.tenant == tenant})

    def _consume(self, tenant: Tenant, found: dict[str, Violations], plans: dict[str, str]) -> None:
        """Have the consumers judge what is there for them, and look for credentials."""
        whole: Violations = {}
        for kind in (*CHILD_KINDS, CRM_MONITORING):
            for item in tenant.every(kind):
                text = json.dumps(item)
                if canary.found(CANARY, text):
                    whole.setdefault("O5", []).append(f"{kind} {item['metadata']['name']} holds a credential")
                if kind == PROMETHEUS_RULE:
                    self._rules.add(item["metadata"]["labels"]["app.kubernetes.io/instance"], rule_file(item["spec"]))
        self._rules.flush()
        for whose, said in self._rules.refused:
            found[plans[whose]].setdefault("O8", []).append(said)
        self._rules.refused.clear()
        secrets = [{**item, "kind": SECRET.name} for item in tenant.every(SECRET)]
        if complaints := refused(secrets, self._tools):
            whole["O8"] = complaints
        self._recorder.add(f"the objects of {len(plans)} of them", converged=True, violations=whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._operator is not None:
            self._operator.kill()
        for tenant in self._tenants:
            clear(tenant)


def clear(tenant: Tenant) -> None:
    """Remove what the operator looks at from a namespace."""
    for body in tenant.every(CRM_MONITORING):
        if body["metadata"].get("finalizers"):
            tenant.change(CRM_MONITORING, body["metadata"]["name"], {"metadata": {"finalizers": None}})
    for kind in (CRM_MONITORING, *CHILD_KINDS, SECRET):
        tenant.plane.api.request("DELETE", tenant.path(kind))


@dataclass(frozen=True, slots=True)
class Offline:
    """Problems found offline, by who else can see them."""

    by_server: tuple[str, ...] = ()
    by_python: tuple[str, ...] = ()


def verdict(body: Manifest) -> Offline:
    """Return what the command line has against a resource."""
    try:
        problems = validate(parse(body)).problems
    except InvalidSpec as error:
        return Offline(tuple(map(str, error.problems)))
    only_python = tuple(str(problem) for problem in problems if ONLY_PYTHON.match(problem.message))
    return Offline(tuple(sorted({*map(str, problems)} - {*only_python})), only_python)


def _untruths(one: Sent, body: Manifest) -> Iterator[str]:
    """Yield what the status says that cannot be."""
    conditions = {each["type"]: each for each in body.get("status", {}).get("conditions", ())}
    valid = conditions.get("Valid", {}).get("status")
    if valid is not None and valid != str(one.is_valid):
        yield f"Valid is {valid}: {conditions['Valid'].get('message', '')[:300]}"
    for each in conditions.values():
        if each["reason"] == "InternalError":
            yield f"{each['type']} is {each['reason']}: {each['message'][:300]}"
        if each["status"] != "True" and not each.get("message"):
            yield f"{each['type']} is {each['status']} without a word"


def _is_told(body: Manifest) -> bool:
    conditions = body.get("status", {}).get("conditions", ())
    return any(
        each["type"] == "Ready"
        and each["status"] != "Unknown"
        and each.get("observedGeneration") == body["metadata"]["generation"]
        for each in conditions
    )


def _is_text(body: Manifest) -> bool:
    """Return whether a resource can be sent as it is: JSON knows neither half surrogates nor infinity."""
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return False
    return True
