"""The chart's additions to the cluster's own roles, on an API server whose controllers aggregate them."""

import pytest
import yaml

from support.charts import objects, render
from support.live import eventually
from testbed.controlplane import ControlPlane

pytestmark = pytest.mark.integration

GROUP = "rbac.authorization.k8s.io"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

MAY: dict[str, tuple[str, str, str, bool]] = {
    "a viewer look at resources": ("view", "list", "", True),
    "a viewer change resources": ("view", "patch", "", False),
    "an editor create resources": ("edit", "create", "", True),
    "an editor delete resources": ("edit", "delete", "", True),
    "an editor write a status": ("edit", "patch", "status", False),
    "an administrator of the namespace change resources": ("admin", "update", "", True),
    "an administrator of the namespace write a status": ("admin", "update", "status", False),
}


def allowed(plane: ControlPlane, role: str, verb: str, subresource: str) -> bool:
    """Ask the API server whether a user with a role of the cluster may do something."""
    attributes = {
        "group": "monitoring.crm.io",
        "resource": "crmmonitorings",
        "subresource": subresource,
        "verb": verb,
        "namespace": "default",
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"user-{role}", "resourceAttributes": attributes},
    }
    return bool(plane.api.request("POST", REVIEWS, review).body["status"]["allowed"])


@pytest.fixture(scope="module")
def roles(managed_control_plane: ControlPlane) -> ControlPlane:
    """Give users the cluster's roles, and the cluster the chart's additions."""
    plane = managed_control_plane
    bindings = [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": f"user-{role}", "namespace": "default"},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": f"user-{role}"}],
        }
        for role in ("view", "edit", "admin")
    ]
    plane.apply(yaml.safe_dump_all([*objects(render(), "ClusterRole"), *bindings]))
    for role, verb in (("view", "list"), ("edit", "create"), ("admin", "update")):
        eventually(lambda role=role, verb=verb: allowed(plane, role, verb, ""), within=30)  # type: ignore[misc]
    return plane


@pytest.mark.parametrize("what", MAY)
def test_may(roles: ControlPlane, what: str) -> None:
    role, verb, subresource, expected = MAY[what]

    assert allowed(roles, role, verb, subresource) is expected
