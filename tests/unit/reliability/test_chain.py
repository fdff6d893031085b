"""A state is compared with one made from nothing only where the product keeps nothing of before on purpose."""

from typing import Any

import pytest

from support.reliability.chain import comparable
from support.reliability.generate import SECRET_NAMES
from support.resources import merged, secret_key
from support.targets import service, workload

TARGET = {"target": {"name": "crm-api"}}
KNOWN = {"name": "audit", "webhook": {"urlSecretRef": secret_key(SECRET_NAMES[0], "urlSecretRef")}}

HELD: dict[str, dict[str, Any]] = {
    "a Probe whose port no Service has": {"blackbox": {"port": "nowhere"}},
    "a monitor whose Secret is not there": {"metrics": {"bearerTokenSecretRef": secret_key("nowhere", "token")}},
    "a monitor whose port is nowhere": {"metrics": {"port": "nowhere"}},
    "routing whose Secret is not there": {
        "notifications": {"receivers": [{"name": "a", "webhook": {"urlSecretRef": secret_key("nowhere", "url")}}]}
    },
    "a target that is not there": {"target": {"name": "absent"}},
    "everything, because nothing is written": {"mode": "Observe"},
}
"""What stays as it was as long as that is so: a resource made from nothing would have none."""


@pytest.mark.parametrize("block", HELD.values(), ids=HELD.keys())
def test_what_would_be_kept_from_before_is_left_out(block: dict[str, Any]) -> None:
    kept = comparable(merged(TARGET, block), workload(), service())

    assert kept == {**TARGET, "mode": "Enforce"}


def test_what_depends_on_nothing_that_is_missing_stays() -> None:
    spec = merged(
        TARGET,
        {
            "blackbox": {"port": "metrics"},
            "notifications": {"receivers": [KNOWN]},
            "workload": {"env": {"logLevel": "INFO"}},
        },
    )

    assert comparable(spec, workload(), service()) == {**spec, "mode": "Enforce"}
