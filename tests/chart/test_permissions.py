"""Who may do what: the operator, and the people who use it."""

import pytest

from support.charts import NAMESPACE, SCENARIOS, Manifest, objects, pod_of, render, scenario
from testbed import role


def test_permissions_are_those_of_the_one_source_and_nothing_else() -> None:
    granted = role.rules()
    everywhere, in_one = render(), render("--set", "watch.namespaces={crm}")

    assert [one["rules"] for one in _operators(everywhere, "ClusterRole")] == [granted["watched"] + granted["cluster"]]
    assert [one["rules"] for one in _operators(everywhere, "Role")] == [granted["own"]]
    assert [one["rules"] for one in _operators(in_one, "ClusterRole")] == []
    assert [(one["metadata"]["namespace"], one["rules"]) for one in _operators(in_one, "Role")] == [
        ("crm", granted["watched"] + granted["listed"]),
        (NAMESPACE, granted["own"]),
    ]


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_rule_holds_a_wildcard_or_a_right_to_gain_rights(name: str) -> None:
    rules = [rule for one in scenario(name) for rule in one.get("rules", ())]
    forbidden = {"*", "escalate", "bind", "impersonate", "pods/exec", "serviceaccounts/token", "nodes/proxy"}

    assert rules
    assert not [rule for rule in rules if forbidden & {word for words in rule.values() for word in words}]
    assert not [rule for rule in rules if "secrets" in rule["resources"] and {"list", "watch"} & set(rule["verbs"])]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_binding_gives_a_role_of_the_release_to_an_account_of_the_release(name: str) -> None:
    manifests = scenario(name)
    have = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in manifests}

    for binding in objects(manifests, "RoleBinding") + objects(manifests, "ClusterRoleBinding"):
        (subject,) = binding["subjects"]
        assert (binding["roleRef"]["kind"], binding["metadata"].get("namespace"), binding["roleRef"]["name"]) in have
        assert ("ServiceAccount", subject["namespace"], subject["name"]) in have


def test_users_may_not_write_a_status() -> None:
    aggregated = [one for one in objects(render(), "ClusterRole") if "aggregate" in str(one["metadata"]["labels"])]

    assert [one["metadata"]["name"].rpartition("-")[2] for one in aggregated] == ["view", "edit"]
    assert {word for one in aggregated for rule in one["rules"] for word in rule["resources"]} == {"crmmonitorings"}


def _operators(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return the roles that are bound to the operator's account."""
    bindings = objects(manifests, f"{kind}Binding")
    account = pod_of(manifests)["spec"]["serviceAccountName"]
    bound = {
        (one["metadata"].get("namespace"), one["roleRef"]["name"])
        for one in bindings
        if one["subjects"][0]["name"] == account
    }
    return [
        one for one in objects(manifests, kind) if (one["metadata"].get("namespace"), one["metadata"]["name"]) in bound
    ]
