"""Clusters in which generated resources find themselves, and credentials that must not get out of them."""

from random import Random

from crm_monitoring.render.bundle import Secrets
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from crm_monitoring.sealed import Sealed
from support.reliability.canary import forms
from support.reliability.generate import SECRET_NAMES
from support.targets import container, service, workload

CANARY = "GeneratedCanary7q9Zx4Kw2Vb8"

CREDENTIALS: dict[str, str] = {
    "routingKeySecretRef": CANARY.ljust(32, "0"),
    "webhookUrlSecretRef": f"https://hooks.example.com/services/{CANARY}",
    "urlSecretRef": f"https://audit.example.com/{CANARY}?token={CANARY}",
    "authPasswordSecretRef": f"{CANARY} with/odd+signs",
    "caSecretRef": f"-----BEGIN CERTIFICATE-----\n{CANARY}\n-----END CERTIFICATE-----\n",
    "bearerTokenSecretRef": CANARY,
}
"""A value of the right shape for every field that names a key of a Secret; the key is called like the field."""

BROKEN = (f"{CANARY}\n", "", f"\x00{CANARY}", f"$({CANARY})", f"ftp://{CANARY}", f" {CANARY}", CANARY * 100)

_SIDECAR = container("proxy", ())
OBSERVED: dict[str, Observed] = {
    "as asked": Observed.of(workload(), [service()]),
    "no target": Observed.of(None, []),
    "nothing known": Observed(complete=False),
    "no Service": Observed.of(workload(), []),
    "two containers and two Services": Observed.of(
        workload(containers=[container(), _SIDECAR]), [service(), service("other")]
    ),
    "no ports": Observed.of(workload(containers=[container("api", ())]), [service(ports=())]),
}
SETTINGS = (
    RenderSettings(prober="blackbox.monitoring.svc:9115"),
    RenderSettings(),
    RenderSettings(cluster="eu-1", prober="blackbox:9115", runbook_base_url="https://runbooks.example.com/"),
)


def secrets(random: Random) -> Secrets:
    """Return the Secrets that generated resources name: mostly as they should be, sometimes absent or broken."""
    state = random.choice(("right", "right", "right", "right", "absent", "broken", "empty"))
    if state == "absent":
        return dict.fromkeys(SECRET_NAMES)
    values = {
        "right": CREDENTIALS,
        "broken": {field: random.choice(BROKEN) for field in CREDENTIALS},
        "empty": {},
    }[state]
    content = {key: Sealed(value.encode()) for key, value in values.items()}
    return dict.fromkeys(SECRET_NAMES, content)


FORMS = tuple(sorted(set(forms(CANARY))))
"""How the canary looks in clear and encoded."""
