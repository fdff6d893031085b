from crm_monitoring.manifest import CONFIG_MAP, annotations_of, key_of, labels_of, owner_uids
from crm_monitoring.render import names
from support.resources import UID, minimal, parsed


def test_a_child_is_found_by_its_labels_and_owned_by_the_resource() -> None:
    resource = parsed(minimal())
    child = names.child(resource, CONFIG_MAP, "dashboards", {"data": {}})
    assert key_of(child) == names.child_key(resource, CONFIG_MAP, "dashboards")
    assert owner_uids(child) == {UID}
    assert labels_of(child) == {
        "app.kubernetes.io/managed-by": "crm-monitoring-operator",
        "app.kubernetes.io/instance": "crm",
        "monitoring.crm.io/owner-uid": UID,
    }


def test_an_author_cannot_change_our_own_labels() -> None:
    resource = parsed(minimal({"objectLabels": {names.MANAGED_BY_LABEL: "somebody", "release": "prometheus"}}))
    labels = labels_of(names.child(resource, CONFIG_MAP, "dashboards", {}))
    assert labels[names.MANAGED_BY_LABEL] == names.MANAGED_BY
    assert labels["release"] == "prometheus"


def test_a_child_has_annotations_only_when_it_needs_them() -> None:
    resource = parsed(minimal())
    assert "annotations" not in names.child(resource, CONFIG_MAP, "dashboards", {})["metadata"]
    annotated = names.child(resource, CONFIG_MAP, "dashboards", {}, annotations={"grafana_folder": "CRM"})
    assert annotations_of(annotated) == {"grafana_folder": "CRM"}
