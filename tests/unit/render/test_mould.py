"""What is filled into a mould is what rendering gives, byte for byte."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_monitoring.api.validation import load
from crm_monitoring.manifest import Manifest
from crm_monitoring.render import dashboards, rules
from crm_monitoring.render.mould import Builder, filled
from crm_monitoring.render.settings import RenderSettings
from support.resources import Change, full, minimal

BUILDERS = {"rules": rules._objects, "dashboards": dashboards._objects}

WISHES: dict[str, Manifest] = {
    "a target alone": minimal(),
    "every block": full(),
    "series that somebody else scrapes": minimal({"metrics": {"monitor": "None", "existingJob": "crm/api"}}),
    "one dashboard": minimal({"dashboards": {"audiences": ["Business"]}}),
    "no dashboard": minimal({"dashboards": {"audiences": ["SLO"]}}),
    "every alert switched off that rules are made for": minimal(
        {"alerts": {"overrides": {"CRMQueueSizeHigh": {"enabled": False}}}}
    ),
    "text beyond ASCII": minimal({"alerts": {"extraLabels": {"team": "Zürich \U0001f4ec"}}}),
    "an author who writes our marks": minimal({"alerts": {"extraLabels": {"team": "mark-5c1e-name"}}}),
    "an author who writes the names": minimal({"alerts": {"extraLabels": {"team": "crm"}}, "environment": "crm"}),
}
SETTINGS = (RenderSettings(), RenderSettings(cluster="eu-1", runbook_base_url="https://runbooks.example.com"))
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)


def same(build: Builder, body: Manifest, chosen: RenderSettings) -> None:
    resource = load(body)
    rendered = orjson.dumps(build(resource, chosen))
    for _ in range(3):  # rendered, then moulded, then filled in again
        assert orjson.dumps(filled(build, resource, chosen)) == rendered


@pytest.mark.parametrize("builder", BUILDERS)
@pytest.mark.parametrize("wish", WISHES)
def test_the_bytes_are_those_of_rendering_for(wish: str, builder: str) -> None:
    for chosen in SETTINGS:
        same(BUILDERS[builder], WISHES[wish], chosen)


@pytest.mark.parametrize("builder", BUILDERS)
@settings(max_examples=40, deadline=None)
@given(name=NAMES | st.just("with.dots"), namespace=NAMES, uid=st.uuids().map(str) | st.just(""))
def test_any_names_are_filled_in(builder: str, name: str, namespace: str, uid: str) -> None:
    for wish in (minimal, full):
        same(BUILDERS[builder], wish(name=name, namespace=namespace, uid=uid), RenderSettings())


CHANGES: dict[str, Change] = {
    "a threshold": {"alerts": {"overrides": {"CRMQueueSizeHigh": {"threshold": "77"}}}},
    "a label of objects": {"objectLabels": {"release": "other"}},
    "the environment": {"environment": "production"},
    "an objective": {"slos": [{"name": "delivery", "sli": "Delivery", "objective": "99.9%", "window": "30d"}]},
    "the watchdog": {"notifications": {"watchdog": None}},
    "who scrapes": {"metrics": {"queueScope": "PerReplica"}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_no_wish_gets_the_objects_of_another_that_differs_in(change: str) -> None:
    def both(body: Manifest) -> list[Any]:
        return [filled(build, load(body), RenderSettings()) for build in BUILDERS.values()]

    assert both(full()) == both(full()) != both(full(CHANGES[change]))
    for build in BUILDERS.values():
        same(build, full(CHANGES[change]), RenderSettings())
