"""Bad resources are of kinds that get past the API server: what it refuses concerns nobody."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from crm_monitoring.api.parsing import parse
from crm_monitoring.errors import Refused
from crm_monitoring.manifest import Kind, Manifest
from crm_monitoring.render.compiler import render
from crm_monitoring.render.merged import merge
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.live import Tenant
from support.reliability.bad import BAD, Make, Scene
from support.reliability.generated_live import verdict
from support.reliability.outskirts import OUTSKIRTS
from support.resources import resource


class Written:
    """A tenant in which everything can be done and nothing is there; it keeps the resources that are made."""

    name = "crm"

    def __init__(self) -> None:
        self.bodies: list[Manifest] = []
        self.plane = SimpleNamespace(api=SimpleNamespace(request=self._answer))

    def monitor(self, body: Manifest, name: str) -> None:
        self.bodies.append(resource(body["spec"], name=name))

    def path(self, kind: Kind, name: str = "") -> str:
        return f"{kind.plural}/{name}"

    def create(self, *_: Any, **__: Any) -> None:
        """Make any other object."""

    secret = change = delete = edit = deploy = create

    def _answer(self, verb: str, *_: Any) -> SimpleNamespace:
        return SimpleNamespace(status=201 if verb == "POST" else 200)


def made(make: Make) -> list[Manifest]:
    """Return the resources that a bad kind consists of."""
    written = Written()
    scene = Scene(cast(Tenant, written))
    make(scene, "bad-00")
    scene.end()
    return written.bodies


KINDS = BAD | OUTSKIRTS


def test_there_are_forty_two_kinds() -> None:
    assert len(KINDS) == len(BAD) + len(OUTSKIRTS) == 42


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_the_api_server_accepts(make: Make) -> None:
    bodies = made(make)

    assert bodies
    assert [verdict(body).by_server for body in bodies] == [()] * len(bodies)


def test_what_does_not_fit_into_one_secret_is_fine_alone() -> None:
    resources = [parse(body) for body in made(BAD["more receivers than fit into one Secret"])]
    fragments = [render(each, Observed.of(None, []), {}, RenderSettings()).fragment for each in resources]

    assert all(fragment and merge([fragment]) for fragment in fragments)
    with pytest.raises(Refused):
        merge(fragment for fragment in fragments if fragment)
