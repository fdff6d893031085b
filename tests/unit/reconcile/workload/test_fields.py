"""Who owns which leaf, and how our part is given up."""

from datetime import UTC, datetime
from typing import Any

import pytest

from crm_monitoring.cluster.port import FIELD_MANAGER
from crm_monitoring.reconcile.workload import fields
from crm_monitoring.reconcile.workload.slots import Slot
from support.recorded import recorded

PROBE = Slot("api", "readinessProbe")
LEVEL = Slot.env("api", "CRM_LOG_LEVEL")
APPLY, UPDATE = (FIELD_MANAGER, "Apply"), (FIELD_MANAGER, "Update")
HELM = ("helm", "Update")


def test_the_owners_of_a_probe_are_told_apart() -> None:
    live = recorded(
        {},
        {
            APPLY: ["readinessProbe.httpGet.path", "env.CRM_LOG_LEVEL.value"],
            UPDATE: ["readinessProbe.httpGet.port"],
            HELM: ["readinessProbe.periodSeconds", "livenessProbe.periodSeconds"],
        },
    )

    owners = fields.owners_of(live, PROBE)

    assert owners.applied == {("httpGet", "path")}
    assert owners.patched == {("httpGet", "port")}
    assert owners.others == {"helm": {("periodSeconds",)}}


def test_owning_a_field_itself_or_a_key_is_owning_no_leaf() -> None:
    live = recorded({}, {HELM: ["readinessProbe", "env.CRM_LOG_LEVEL.name"]})
    container = live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    container['k:{"name":"api"}']["f:readinessProbe"] = {".": {}}

    assert fields.owners_of(live, PROBE).others == {}
    assert fields.owners_of(live, LEVEL).others == {}


def test_the_slots_that_we_hold_are_found_in_any_container() -> None:
    live = recorded({"name": "web"}, {APPLY: ["readinessProbe.httpGet.path", "env.CRM_LOG_LEVEL.value"]})

    assert fields.held_slots(live) == {Slot("web", "readinessProbe"), Slot.env("web", "CRM_LOG_LEVEL")}


def test_status_entries_of_ours_do_not_count() -> None:
    live = recorded({}, {APPLY: ["readinessProbe.periodSeconds"]})
    live["metadata"]["managedFields"][0]["subresource"] = "status"

    assert not fields.holds_anything(live)
    assert fields.held_slots(live) == frozenset()


def containers_of(entry: dict[str, Any]) -> Any:
    return entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"api"}']


def test_a_slot_is_given_up_without_a_change_to_anything_else() -> None:
    live = recorded({}, {APPLY: ["readinessProbe.httpGet.path", "env.CRM_LOG_LEVEL.value"], HELM: ["image"]})

    ours, helm = fields.managed_fields_without(live, [PROBE])

    assert containers_of(ours).keys() == {".", "f:name", "f:env"}
    assert helm == live["metadata"]["managedFields"][1]
    assert "f:readinessProbe" in containers_of(live["metadata"]["managedFields"][0]), "the live object is not touched"


def test_a_container_that_holds_nothing_more_is_given_up_as_a_whole() -> None:
    live = recorded({}, {APPLY: ["env.CRM_LOG_LEVEL.value", "@monitoring.crm.io/workload"], HELM: ["image"]})

    ours, _ = fields.managed_fields_without(live, [LEVEL])

    assert ours["fieldsV1"] == {"f:metadata": {"f:annotations": {"f:monitoring.crm.io/workload": {}}}}


def test_an_entry_that_holds_nothing_more_disappears() -> None:
    live = recorded({}, {APPLY: ["readinessProbe.httpGet.path"], HELM: ["image"]})

    assert [entry["manager"] for entry in fields.managed_fields_without(live, [PROBE])] == ["helm"]


def test_only_the_entry_of_a_patch_is_dropped() -> None:
    live = recorded({}, {APPLY: ["readinessProbe.httpGet.path"], UPDATE: ["readinessProbe.periodSeconds"], HELM: []})

    left = fields.managed_fields_without_patches(live)

    assert [(entry["manager"], entry["operation"]) for entry in left] == [APPLY, HELM]
    assert fields.was_patched(live)


def test_later_changes_of_the_template_by_others_are_noticed() -> None:
    ours = datetime(2026, 1, 1, 12, tzinfo=UTC)
    before, after = "2026-01-01T11:59:59Z", "2026-01-01T12:00:01Z"
    template = {APPLY: ["readinessProbe.periodSeconds"], HELM: ["image"]}
    elsewhere = {APPLY: ["readinessProbe.periodSeconds"], HELM: ["@note"]}

    assert fields.changed_by_another_since(recorded({}, template, times={"helm": after}), ours)
    assert not fields.changed_by_another_since(recorded({}, template, times={"helm": before}), ours)
    assert not fields.changed_by_another_since(recorded({}, elsewhere, times={"helm": after}), ours)


@pytest.mark.parametrize(
    "tree", [None, [], "x", {"f:spec": 3}, {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{": {}}}}}}]
)
def test_odd_entries_own_nothing(tree: Any) -> None:
    live = recorded({}, {APPLY: []})
    live["metadata"]["managedFields"][0]["fieldsV1"] = tree

    assert fields.held_slots(live) == frozenset()
    assert fields.owners_of(live, PROBE).ours == frozenset()
    fields.managed_fields_without(live, [PROBE])
