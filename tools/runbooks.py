"""Runbooks: one page an alert, from the contract, the compiler and the hand-written parts in docs/runbooks/_parts/.

A part holds the sections of `SECTIONS`. In its code blocks `SELF` stands for the identity of the resource as matchers,
`LOG name` for the command that finds a log event, `HEALTH` for the one that asks the health endpoint.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm_monitoring.api.parsing import parse
from crm_monitoring.contract import alerts, health, labels, logs
from crm_monitoring.contract.alerts import Alert, Unit
from crm_monitoring.render import rules
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings

PARTS = Path(__file__).resolve().parent.parent / "docs" / "runbooks" / "_parts"
PAGES = "docs/runbooks"
SECTIONS = ("What it means", "Impact", "Queries", "Likely causes", "What to do", "How to tune")
"""Headings of a part, in this order; Queries may be followed by more than one block of code."""

NAMESPACE, NAME, TARGET = "NAMESPACE", "NAME", "TARGET"
"""Placeholders, for the reader to replace."""
SELF = f'{labels.NAMESPACE}="{NAMESPACE}",{labels.RESOURCE}="{NAME}"'

NAMES = (*(alert.name for alert in alerts.ALL), alerts.WATCHDOG)
"""Every alert that has a page."""

FEW = 4
"""Most rules of one alert whose expressions are all shown."""

_SPEC = {
    "target": {"name": "target"},
    "alerts": {"anomaly": {}},
    "slos": [{"name": "delivery", "sli": "Delivery", "objective": "99%", "window": "30d"}],
    "notifications": {
        "receivers": [
            {
                "name": "all",
                "severities": list(labels.SEVERITIES),
                "webhook": {"urlSecretRef": {"name": "x", "key": "x"}},
            }
        ],
        "watchdog": {"urlSecretRef": {"name": "x", "key": "x"}},
    },
}
_IDENTITY = re.compile(rf'(?:{labels.NAMESPACE}="{NAMESPACE}"|{labels.RESOURCE}="{NAME}"),?')


@dataclass(frozen=True, slots=True)
class Page:
    """One generated file."""

    path: str
    content: str


def pages() -> Iterator[Page]:
    """Yield the index and every runbook. Raise ValueError for a part that is missing or has other sections."""
    expressions = _rules()
    yield Page(f"{PAGES}/README.md", _index())
    for name in NAMES:
        yield Page(f"{PAGES}/{name}.md", _runbook(name, expressions[name], part(name)))


def part(name: str) -> dict[str, str]:
    """Return the sections of an alert's hand-written part, with commands and matchers filled in."""
    path = PARTS / f"{name}.md"
    if not path.is_file():
        raise ValueError(f"{path} is missing: write it with the sections {', '.join(SECTIONS)}")
    _, *pieces = re.split(r"^## (.+)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = {title: _expanded(text).strip() for title, text in zip(pieces[::2], pieces[1::2], strict=True)}
    if tuple(sections) != SECTIONS or not all(sections.values()):
        raise ValueError(f"{path} must have the sections {', '.join(SECTIONS)}, in this order and none of them empty")
    return sections


def sketches() -> dict[str, str]:
    """Return the expression of each alert without the identity, by name. Further rules of the alert are counted."""
    found = {}
    for name, own in _rules().items():
        more = f" (and {len(own) - 1} more)" if len(own) > 1 else ""
        found[name] = f"`{_sketch(own[0]['expr'])}`{more}"
    return found


def _rules() -> dict[str, list[dict[str, Any]]]:
    """Return the rules of each alert for a resource with the placeholders as its identity and one objective."""
    metadata = {"name": "the-name", "namespace": "the-namespace", "uid": "x"}
    resource = parse(
        {"apiVersion": "monitoring.crm.io/v1alpha1", "kind": "CRMMonitoring", "metadata": metadata, "spec": _SPEC}
    )
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for child in rules.part(resource, Observed(), {}, RenderSettings()).children:
        for rule in child["spec"]["groups"][0]["rules"]:
            if rule.get("alert") in found:
                found[rule["alert"]].append({**rule, "expr": _named(rule["expr"])})
    return found


def _named(expr: str) -> str:
    return expr.replace('"the-namespace"', f'"{NAMESPACE}"').replace('"the-name"', f'"{NAME}"')


def _sketch(expr: str) -> str:
    identity = ", ".join(labels.IDENTITY)
    text = _IDENTITY.sub("", expr).replace(",}", "}").replace("{}", "")
    text = text.replace(f" by ({identity})", "").replace(f"({identity}, ", "(")
    return re.sub(rf" on \({identity}\)| on \({labels.NAMESPACE}\)", "", text)


def _expanded(text: str) -> str:
    text = text.replace("SELF", SELF)
    text = re.sub(r"^LOG (\w+)$", lambda match: _log(match[1]), text, flags=re.MULTILINE)
    return re.sub(r"^HEALTH$", _health(), text, flags=re.MULTILINE)


def _log(event: str) -> str:
    if event not in {each.name for each in logs.ALL}:
        raise ValueError(f"LOG {event}: there is no such log event in the contract")
    return f'kubectl -n {NAMESPACE} logs deployment/{TARGET} --all-pods --since=1h | grep -E \'"event": ?"{event}"\''


def _health() -> str:
    forward = f"kubectl -n {NAMESPACE} port-forward deployment/{TARGET} 8080:http & sleep 2"
    return f"{forward}; curl -s 'localhost:8080{health.HEALTH_PATH}?include_details=true'; kill %1"


def _runbook(name: str, own: list[dict[str, Any]], sections: Mapping[str, str]) -> str:
    alert = next((each for each in alerts.ALL if each.name == name), None)
    hint = f"Replace `{NAMESPACE}` and `{NAME}` by the alert's labels `{labels.NAMESPACE}` and `{labels.RESOURCE}`, `{TARGET}` by the CRM's Deployment."
    blocks = [f"# {name}", *(_facts(alert) if alert else _watchdog_facts())]
    for title in SECTIONS:
        blocks += [f"## {title}"]
        if title == "Queries":
            blocks.append(hint)
        if title == "How to tune" and alert:
            blocks.append(_fields(alert))
        blocks.append(sections[title])
        if title == "What it means" and len(own) > FEW:
            blocks += _kinds(own)
    if len(own) <= FEW:
        blocks += _expressions(own)
    return "\n\n".join(blocks) + "\n"


def _facts(alert: Alert) -> Iterator[str]:
    yield f"Fires when {alert.condition}."
    defaults = {
        "severity": alert.severity.value,
        "threshold": alert.threshold,
        "window": alert.window,
        "for": alert.for_,
        "keeps firing": alert.keep_firing_for,
        "minimum volume": f"{alert.minimum_volume} {alert.volume_of}" if alert.minimum_volume is not None else None,
    }
    shown = {title: value for title, value in defaults.items() if value}
    yield _table(tuple(shown), [tuple(shown.values())])


def _watchdog_facts() -> Iterator[str]:
    yield f"Fires always, with severity `{alerts.WATCHDOG_SEVERITY}`, where `spec.notifications.watchdog` is set."


def _expressions(own: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Expression"
    yield "With the defaults" + (", for an objective of 99% over 30d:" if labels.SLO in own[0]["labels"] else ":")
    yield "```promql\n" + "\n".join(_expression(rule, own) for rule in own) + "\n```"


def _kinds(own: list[dict[str, Any]]) -> Iterator[str]:
    """Say what each rule of an alert with many rules is about."""
    label = next(name for name in ("check", "metric") if name in own[0]["labels"])
    yield f"One rule for each `{label}`:"
    if label == "metric":
        yield ", ".join(f"`{rule['labels'][label]}`" for rule in own)
        return
    rows = (
        (f"`{rule['labels'][label]}`", _plain(rule["annotations"]["summary"]), rule["annotations"]["description"])
        for rule in own
    )
    yield _table((label, "what is wrong", "what to do"), rows)


def _expression(rule: Mapping[str, Any], own: list[dict[str, Any]]) -> str:
    telling = [
        f"{name}={rule['labels'][name]}"
        for name in (labels.SCOPE, "volume", labels.DIRECTION)
        if name in rule["labels"]
    ]
    return (f"# {', '.join(telling)}\n" if telling and len(own) > 1 else "") + str(rule["expr"])


def _plain(summary: str) -> str:
    """Return a summary without the name of the resource and with words in place of its templates."""
    text = summary.partition(": ")[2]
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"(`\1`)", text)
    return re.sub(r"\{\{ \$value[^}]*\}\}", "(value)", text)


def _fields(alert: Alert) -> str:
    usable = [
        ("threshold", alert.unit is not Unit.NONE),
        ("window", alert.window is not None),
        ("for", True),
        ("keepFiringFor", True),
        ("minimumVolume", alert.minimum_volume is not None),
        ("severity", True),
        ("enabled", True),
        ("labels", True),
        ("annotations", True),
    ]
    names = ", ".join(f"`{name}`" for name, applies in usable if applies)
    return f"Fields of `spec.alerts.overrides.{alert.name}`: {names}."


def _index() -> str:
    rows = [
        (f"[{alert.name}]({alert.name}.md)", alert.severity.value, alert.condition)
        for alert in sorted(alerts.ALL, key=lambda each: list(alerts.Severity).index(each.severity))
    ]
    rows.append((f"[{alerts.WATCHDOG}]({alerts.WATCHDOG}.md)", alerts.WATCHDOG_SEVERITY, "always"))
    silence = f'amtool silence add --duration=2h --comment="why" {labels.NAMESPACE}={NAMESPACE} {labels.RESOURCE}={NAME} {labels.ALERT_NAME}=CRM...'
    return (
        "\n\n".join(
            [
                "# Runbooks",
                f"The annotation `runbook_url` of an alert leads here. `{NAMESPACE}` and `{NAME}` stand for its labels "
                f"`{labels.NAMESPACE}` and `{labels.RESOURCE}`, `{TARGET}` for the CRM's Deployment. `spec.alerts.runbookBaseUrl` "
                "puts pages of your own in place of these.",
                _table(("alert", "severity", "fires when"), rows),
                f"- Where something else scrapes the CRM (`spec.metrics.existingJob`), series named `crm_...` without a colon carry "
                f'`job="<that job>"` in place of `{labels.RESOURCE}`.\n'
                "- An override of `window` changes the name of the recorded series: `..._rate30m` becomes `..._rate1h`.\n"
                "- `kubectl logs --all-pods` needs kubectl >= 1.32. A StatefulSet is `statefulset/TARGET`.\n"
                f"- Planned work: a silence, not an override: `{silence}`.",
            ]
        )
        + "\n"
    )


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, ("---",) * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
