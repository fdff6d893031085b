"""The compiler: one resource, and what must be known of the cluster, become everything that monitors it."""

from collections import Counter
from itertools import chain

from crm_monitoring.api.v1alpha1 import CRMMonitoring
from crm_monitoring.manifest import key_of
from crm_monitoring.render import assumption, blackbox, dashboards, retention, routing, rules, scrape, workload
from crm_monitoring.render.bundle import Bundle, Part, Secrets
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings


def render(resource: CRMMonitoring, observed: Observed, secrets: Secrets, settings: RenderSettings) -> Bundle:
    """Return everything that a valid resource asks for.

    Problems of the cluster, such as a missing Service or Secret, are findings and hold back only what depends on them.
    With `observed.complete` False and no workload the cluster is taken to be as `assumption` describes it.
    """
    warnings: tuple[str, ...] = ()
    if not observed.complete and observed.workload is None:
        observed, warning = assumption.assumed(resource)
        warnings = (warning,)
    builders = (rules.part, scrape.part, routing.part, blackbox.part, dashboards.part, workload.part, retention.part)
    parts = [build(resource, observed, secrets, settings) for build in builders]
    return joined([Part(warnings=warnings), *parts])


def joined(parts: list[Part]) -> Bundle:
    """Return the parts as one bundle. Two builders that make the same object are a mistake in the program."""
    children = tuple(chain.from_iterable(part.children for part in parts))
    held = frozenset(chain.from_iterable(part.held for part in parts))
    twice = sorted(str(key) for key, count in Counter([*map(key_of, children), *held]).items() if count > 1)
    if twice:
        raise ValueError(f"more than one builder decides on: {', '.join(twice)}")
    return Bundle(
        children=children,
        held=held,
        findings=tuple(dict.fromkeys(chain.from_iterable(part.findings for part in parts))),
        warnings=tuple(dict.fromkeys(chain.from_iterable(part.warnings for part in parts))),
        fragment=next((part.fragment for part in parts if part.fragment), None),
        fragment_held=any(part.fragment_held for part in parts),
        workload=next((part.workload for part in parts if part.workload), None),
        rules=rules.count(children),
    )
