"""Each oracle finds what it is for, and is silent where nothing is wrong. No cluster is asked."""

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest

from crm_monitoring.manifest import Manifest
from support.reliability import oracles, truth
from support.reliability.history import Change
from testbed.audit import AuditEvent

NS = "shop"
LABELS = {"app.kubernetes.io/managed-by": "crm-monitoring-operator", "app.kubernetes.io/instance": "crm"}
OWNER = [{"kind": "CRMMonitoring", "name": "crm", "uid": "u-crm"}]


def item(kind: str, name: str, version: int = 1, uid: str = "", **content: Any) -> Manifest:
    metadata = {"name": name, "namespace": NS, "uid": uid or f"u-{name}", "resourceVersion": str(version)}
    return {"kind": kind, "metadata": {**metadata, **content.pop("metadata", {})}, **content}


def child(name: str, version: int, threshold: int = 1, **metadata: Any) -> Manifest:
    made = {"labels": LABELS, "ownerReferences": OWNER, **metadata}
    return item("PrometheusRule", name, version, metadata=made, spec={"groups": [threshold]})


def resource(version: int, generation: int = 1, ready: str = "True", observed: int | None = None) -> Manifest:
    seen = generation if observed is None else observed
    status = {"conditions": [{"type": "Ready", "status": ready, "observedGeneration": seen}]}
    return item("CRMMonitoring", "crm", version, metadata={"generation": generation}, spec=_TARGET, status=status)


_TARGET = {"target": {"name": "crm-api"}, "workload": {}}


def asked(verb: str, resource: str, name: str = "", code: int = 200, *, sub: str = "") -> AuditEvent:
    uri = f"/{resource}/{name}"
    return AuditEvent("ResponseComplete", "op", "", verb, "", resource, sub, NS, name, code, uri)


# --- O1 ---


def test_o1_finds_an_end_that_is_not_the_references() -> None:
    wanted = {"ConfigMap a": {"data": {"x": "1"}}}
    assert not oracles.end_state(wanted, {"ConfigMap a": {"data": {"x": "1"}}})
    assert oracles.end_state(wanted, {"ConfigMap a": {"data": {"x": "2"}}}) == [
        'ConfigMap a: data.x is "2" instead of "1"'
    ]


# --- O2 ---

STATUS, CHILD, EVENT = "patch crmmonitorings/status crm", "create configmaps a", "create events"
WANTED = Counter({STATUS: 2, CHILD: 1, EVENT: 1, "delete probes p": 1})

SUMMARIES: dict[str, tuple[dict[str, int], int, list[str]]] = {
    "the same": ({}, 0, []),
    "a second create": ({CHILD: 2}, 0, [f"{CHILD}: 2 times instead of 1"]),
    "a write that is missing": ({CHILD: 0}, 0, [f"{CHILD}: only 0 times instead of 1"]),
    "a write that the reference never made": (
        {"delete configmaps a": 1},
        0,
        ["delete configmaps a: 1 times instead of 0"],
    ),
    "one status more after a crash": ({STATUS: 3}, 1, []),
    "each Event once more after a crash": ({EVENT: 2}, 1, []),
    "each Event twice more after a crash": ({EVENT: 3}, 1, [f"{EVENT}: 3 times instead of 1"]),
    "two writes that became one in a crash": ({STATUS: 1}, 1, []),
    "two statuses more after one crash": ({STATUS: 4}, 1, [f"{STATUS}: 4 times instead of 2"]),
    "a second create after a crash": ({CHILD: 2}, 1, [f"{CHILD}: 2 times instead of 1"]),
    "a second delete after a crash": ({"delete probes p": 2}, 1, ["delete probes p: 2 times instead of 1"]),
}


@pytest.mark.parametrize(("change", "crashes", "said"), SUMMARIES.values(), ids=SUMMARIES.keys())
def test_o2_finds_writes_that_the_reference_did_not_make(change: dict[str, int], crashes: int, said: list[str]) -> None:
    assert oracles.write_summary(WANTED, Counter({**WANTED, **change}), crashes=crashes) == said


def test_o2_counts_what_the_api_server_did_and_an_apply_that_makes_an_object_as_a_create() -> None:
    requests = [
        asked("patch", "configmaps", "a", 201),
        asked("patch", "configmaps", "a", 200),
        asked("patch", "configmaps", "b", 500),
        asked("get", "configmaps", "a"),
        asked("patch", "crmmonitorings", "crm", sub="status"),
        asked("patch", "leases", "l"),
    ]
    assert oracles.written(requests) == {CHILD: 1, "patch configmaps a": 1, STATUS: 1}


# --- O3 ---


def test_o3_finds_writes_of_an_operator_that_should_rest() -> None:
    assert not oracles.rest([asked("list", "configmaps"), asked("create", "events")])
    assert not oracles.rest([asked("delete", "secrets", "am")], ["configmaps a"])
    assert oracles.rest([asked("delete", "configmaps", "a")], ["configmaps a"])
    assert oracles.rest([asked("delete", "configmaps", "a")])
    assert oracles.rest([asked("patch", "configmaps", "a")] * 2) == [
        "patch configmaps a: 2 times after it had converged"
    ]


# --- O4 ---


def told(*items: Manifest, gone: Iterable[Manifest] = ()) -> list[Change]:
    changes = [Change(int(i["metadata"]["resourceVersion"]), f"{i['kind']} {i['metadata']['name']}", i) for i in items]
    return [
        *changes,
        *(Change(int(i["metadata"]["resourceVersion"]), f"{i['kind']} {i['metadata']['name']}", i, True) for i in gone),
    ]


RIGHT = truth.joined(
    truth.acceptable([resource(1), child("a", 2)], NS),
    truth.acceptable([resource(1, generation=2), child("a", 2, threshold=5), child("b", 3)], NS),
)

LIES: dict[str, tuple[list[Change], str]] = {
    "it is Ready before its child is there": (told(resource(1), child("a", 2)), "PrometheusRule a is missing"),
    "it is Ready at a new generation with the old child": (
        told(child("a", 1), child("b", 2), resource(3, generation=2), child("a", 4, threshold=5)),
        "PrometheusRule a differs",
    ),
    "it stays Ready when its child is gone": (
        told(child("a", 1), resource(2), gone=[child("a", 3)]),
        "PrometheusRule a is missing",
    ),
    "it is Ready and what it no longer wants is there": (
        told(child("a", 1), child("b", 2), resource(3)),
        "PrometheusRule b was still there",
    ),
}


@pytest.mark.parametrize(("changes", "said"), LIES.values(), ids=LIES.keys())
def test_o4_finds_a_moment_at_which_ready_was_not_true(changes: list[Change], said: str) -> None:
    found = truth.truth(changes, NS, RIGHT)
    assert any(said in sentence for sentence in found), found


TRUE: dict[str, list[Change]] = {
    "children first, then the word": told(child("a", 1), resource(2)),
    "not Ready while they change": told(
        resource(1, ready="False"), child("a", 2, threshold=9), child("a", 3), resource(4)
    ),
    "Ready of the generation before": told(child("a", 1), resource(2), resource(3, 2, observed=1), child("a", 4, 5)),
    "nobody knows what this generation means": told(resource(1, generation=7)),
    "a foreign object of that name": told(child("a", 1), child("z", 2, labels={}, ownerReferences=[]), resource(3)),
}


@pytest.mark.parametrize("changes", TRUE.values(), ids=TRUE.keys())
def test_o4_is_silent_while_the_status_is_true(changes: list[Change]) -> None:
    assert not truth.truth(changes, NS, RIGHT)


def test_o4_looks_at_the_workload_and_the_merged_secret_too() -> None:
    def deployment(version: int, level: str) -> Manifest:
        return item("Deployment", "crm-api", version, spec={"template": {"env": level}})

    def secret(version: int, text: str) -> Manifest:
        data = {"alertmanager.yaml": base64.b64encode(text.encode()).decode()}
        return item("Secret", "am", version, metadata={"labels": LABELS, "ownerReferences": OWNER}, data=data)

    right = truth.joined(truth.acceptable([resource(1), deployment(2, "INFO"), secret(3, "a")], NS))

    assert not truth.truth(told(deployment(1, "INFO"), secret(2, "a"), resource(3)), NS, right)
    assert len(truth.truth(told(deployment(1, ""), secret(2, "b"), resource(3)), NS, right)) == 2


# --- O5 ---

WORD = "Canary7q9Zx4Kw2Vb8/+ä"
PLACES: dict[str, str] = {
    "in clear": f"x {WORD} x",
    "in base64": base64.b64encode(f"xx{WORD}xx".encode()).decode(),
    "in hex": WORD.encode().hex(),
    "in a URL": quote(WORD, safe=""),
    "in JSON": json.dumps(WORD),
    "gzipped": json.dumps({"data": base64.b64encode(gzip.compress(f"say {WORD}".encode())).decode()}),
}


@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES.keys())
def test_o5_finds_a_secret_in_every_form(text: str) -> None:
    assert oracles.secrecy([WORD], {"the log": text}) == [f"the log holds the secret {WORD[:12]}…"]


def test_o5_is_silent_where_there_is_none_and_never_looks_into_secrets() -> None:
    changes = told(child("a", 1), item("Secret", "am", 2, data={"x": base64.b64encode(WORD.encode()).decode()}))
    assert not oracles.secrecy([WORD], {"the log": "nothing H4sIAAAA", **oracles.texts(changes)})


def test_o5_looks_at_every_version_of_an_object() -> None:
    said = item("CRMMonitoring", "crm", 1, metadata={"generation": 1}, status={"message": WORD})
    places = oracles.texts(told(said, resource(2)))
    assert len(oracles.secrecy([WORD], places)) == 1


# --- O6 ---


def test_o6_finds_what_nobody_owns_and_what_was_done_to_others() -> None:
    theirs = [item("ConfigMap", "theirs", 1), item("ConfigMap", "gone", 1)]
    present = [resource(5), item("ConfigMap", "theirs", 9), child("a", 6), child("b", 7, ownerReferences=[])]
    assert oracles.ownership(theirs, present) == [
        "ConfigMap theirs, which is not the operator's, was changed",
        "ConfigMap gone, which is not the operator's, was deleted",
        "PrometheusRule b is ours and nobody owns it",
    ]
    assert not oracles.ownership([item("ConfigMap", "theirs", 1)], [item("ConfigMap", "theirs", 1), child("a", 6)])


# --- O7 ---

LINES: dict[str, tuple[str, int]] = {
    "a good line": ('{"level": "INFO", "event": "started"}', 0),
    "an error": ('{"level": "ERROR", "event": "x"}', 1),
    "an unexpected error at any level": ('{"level": "WARNING", "event": "x", "reason": "unexpected error"}', 1),
    "a traceback": ('Traceback (most recent call last):\n  File "x.py"', 2),
    "an error that the plan causes": ('{"level": "ERROR", "event": "planned"}', 0),
}


@pytest.mark.parametrize(("log", "count"), LINES.values(), ids=LINES.keys())
def test_o7_finds_errors_tracebacks_and_lines_out_of_form(log: str, count: int) -> None:
    assert len(oracles.clean_log(log, allowed=["planned"])) == count


# --- O8 ---


def test_o8_passes_on_what_a_consumer_refuses() -> None:
    config = base64.b64encode(b"receivers: [{name: r, slack_configs: [{text: '{{ .Foo'}]}]").decode()
    secret = item("Secret", "am", metadata={"labels": LABELS}, data={"alertmanager.yaml": config})
    boards = item("ConfigMap", "boards", metadata={"labels": LABELS}, data={"a.json": "{"})
    theirs = item("ConfigMap", "theirs", data={"a.json": "{"})
    seen: list[tuple[str, bytes]] = []

    def judge(what: str, content: bytes) -> str:
        seen.append((what, content))
        return "no" if what == "template" else ""

    rules = {**child("a", 1), "spec": {"groups": [{"name": "g"}]}}
    found = oracles.consumers([rules, secret, boards, theirs], judge)

    assert [what for what, _ in seen] == ["rules", "alertmanager", "template"]
    assert seen[0][1] == b"groups:\n- name: g\n"
    assert seen[2][1] == b"{{ .Foo"
    assert found[0] == "Secret am: as template it is refused: no"
    assert found[1].startswith("ConfigMap boards: as dashboard it is refused: ")
    assert len(found) == 2


# --- O9 ---

ENDS: dict[str, tuple[oracles.Ends, str]] = {
    "it ended by itself": (oracles.Ends(exits=2, planned=1), "the process ended 2 times, 1 times by the plan"),
    "it says that it is not alive": (oracles.Ends(health=500), "/healthz answers 500"),
    "it grew": (oracles.Ends(rss_mib=900), "the process took 900 MiB, more than 200"),
}


@pytest.mark.parametrize(("ends", "said"), ENDS.values(), ids=ENDS.keys())
def test_o9_finds_a_process_that_did_not_do_well(ends: oracles.Ends, said: str) -> None:
    assert oracles.process(ends) == [said]
    assert not oracles.process(oracles.Ends(exits=1, planned=1, rss_mib=100))


# --- O10 ---

GRANTED = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]


def test_o10_finds_what_is_not_granted_and_what_was_refused() -> None:
    requests = [
        asked("get", "secrets", "s"),
        asked("list", "secrets"),
        asked("list", "secrets"),
        asked("get", "secrets", "s", 403),
    ]
    assert oracles.permissions(requests, GRANTED) == [
        "not granted: list secrets, 2 times",
        "refused: get secrets, 1 times",
    ]
    assert not oracles.permissions(requests[:1] + requests[3:], GRANTED, refusable=[NS])
