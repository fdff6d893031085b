"""What Prometheus, Alertmanager and Grafana say of the objects that are there for them: their own tools judge."""

import base64
import hashlib
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import yaml

from crm_monitoring.manifest import CONFIG_MAP, PROMETHEUS_RULE, SECRET, Manifest
from support.reliability.batches import templates
from support.reliability.snapshot import is_ours, name_of

ALERTMANAGER_FILE = "alertmanager.yaml"

Judge = Callable[[str, bytes], str]
"""Takes what a content is (`rules`, `alertmanager`, `template`) and the content; returns the complaint, empty if none."""

_DATA = {
    "receiver": "r",
    "status": "firing",
    "alerts": [{"status": "firing", "labels": {"alertname": "A"}, "annotations": {"summary": "s"}}],
    "groupLabels": {"alertname": "A"},
    "commonLabels": {"alertname": "A"},
    "commonAnnotations": {"summary": "s"},
    "externalURL": "http://alertmanager.example.com",
}


class Tools:
    """promtool and amtool, each asked once about the same content."""

    def __init__(self, tool: Callable[[str], Path], directory: Path) -> None:
        self._promtool, self._amtool, self._directory = tool("promtool"), tool("amtool"), directory
        self._known: dict[tuple[str, bytes], str] = {}

    def __call__(self, what: str, content: bytes) -> str:
        """Return what the tool complains about, empty when it accepts."""
        identity = (what, hashlib.sha256(content).digest())
        if identity not in self._known:
            self._known[identity] = self._ask(what, content)
        return self._known[identity]

    def _ask(self, what: str, content: bytes) -> str:
        path = self._directory / "judged.yaml"
        path.write_bytes(json.dumps(_DATA).encode() if what == "template" else content)
        commands: dict[str, list[str | Path]] = {
            "rules": [self._promtool, "check", "rules", "--lint=none", path],
            "alertmanager": [self._amtool, "check-config", path],
            "template": [
                *(self._amtool, "template", "render", "--template.glob=", f"--template.data={path}"),
                f"--template.text={content.decode()}",
            ],
        }
        done = subprocess.run(commands[what], capture_output=True, text=True, check=False, timeout=60)
        path.unlink()
        return "" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[-1][:300]


def refused(manifests: Iterable[Manifest], judge: Judge) -> list[str]:
    """Return what the consumers of the operator's objects do not accept, as sentences."""
    said = []
    for item in manifests:
        if is_ours(item):
            for what, content in _contents(item):
                complaint = _not_json(content) if what == "dashboard" else judge(what, content)
                if complaint:
                    said.append(f"{name_of(item)}: as {what} it is refused: {complaint}")
    return said


def _contents(item: Manifest) -> Iterator[tuple[str, bytes]]:
    if item["kind"] == PROMETHEUS_RULE.name:
        yield "rules", yaml.dump({"groups": item["spec"]["groups"]}, Dumper=yaml.CSafeDumper).encode()
    elif item["kind"] == CONFIG_MAP.name:
        for text in (item.get("data") or {}).values():
            yield "dashboard", text.encode()
    elif item["kind"] == SECRET.name and ALERTMANAGER_FILE in (item.get("data") or {}):
        content = base64.b64decode(item["data"][ALERTMANAGER_FILE])
        yield "alertmanager", content
        for text in sorted(templates(content)):
            yield "template", text.encode()


def _not_json(content: bytes) -> str:
    try:
        return "" if isinstance(json.loads(content), dict) else "it is no object"
    except ValueError as problem:
        return str(problem)
