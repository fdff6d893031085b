"""Settings: bounds, all of them told at once."""

import dataclasses

import pytest

from crm_monitoring.cluster.lease import Timing
from crm_monitoring.controller.settings import Settings
from crm_monitoring.errors import SettingsError
from crm_monitoring.render.settings import RenderSettings

WRONG = {
    "a negative port": {"port": -1},
    "a port that is too large": {"port": 65536},
    "no worker": {"workers": 0},
    "too many workers": {"workers": 65},
    "a resync without pause": {"resync_seconds": 0},
    "no request at all": {"max_requests_per_second": 0},
    "no resync for days": {"resync_seconds": 86401},
    "polling without pause": {"poll_seconds": 0.5},
    "polling once a day": {"poll_seconds": 3601},
    "a prober that is a URL": {"render": RenderSettings(prober="http://blackbox:9115")},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_out_of_bounds_is_refused_and_named(wrong):
    with pytest.raises(SettingsError) as refused:
        Settings(**wrong)
    (problem,) = refused.value.problems
    assert problem.path == ("prober" if "render" in wrong else next(iter(wrong)).replace("_", "-"))


def test_every_problem_is_told_at_once():
    with pytest.raises(SettingsError) as refused:
        Settings(port=-1, workers=0, poll_seconds=0)
    assert [problem.path for problem in refused.value.problems] == ["poll-seconds", "port", "workers"]


@pytest.mark.parametrize("port", [0, 1, 65535])
def test_bounds_are_inclusive(port):
    assert Settings(port=port, workers=64, resync_seconds=1, poll_seconds=3600).port == port


def test_the_defaults_are_safe_and_cannot_be_changed():
    settings = Settings()
    assert settings.leader_election
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1


@pytest.mark.parametrize("times", [(10, 10, 2), (15, 4, 2), (15, 10, 0)])
def test_times_of_an_election_that_allow_two_leaders_are_refused(times):
    with pytest.raises(ValueError, match="duration > renew_deadline"):
        Timing(*times)
