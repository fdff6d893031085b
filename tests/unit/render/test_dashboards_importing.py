"""Dashboards as files for Grafana's import."""

import json
import re
from typing import Any

import pytest

from crm_monitoring.render import dashboards, secret_values
from crm_monitoring.render.dashboards.importing import INPUT, importable
from crm_monitoring.render.documents import GENERATED
from crm_monitoring.render.observed import Observed
from crm_monitoring.render.settings import RenderSettings
from support.resources import full, minimal, parsed


def found(body: Any = None) -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in importable(parsed(body)).items()}


def test_there_is_a_file_for_each_dashboard_of_the_config_map() -> None:
    resource = parsed(full())
    part = dashboards.part(resource, Observed(), secret_values.placeholders(resource), RenderSettings())
    assert list(found(full())) == list(part.children[0]["data"])


def test_a_resource_without_objectives_has_no_file_for_them() -> None:
    assert sorted(found()) == ["crm_crm_business.json", "crm_crm_operations.json", "crm_crm_overview.json"]


def test_a_file_says_at_its_beginning_that_it_is_generated() -> None:
    assert all(GENERATED in text[:300] for text in importable(parsed(full())).values())


@pytest.mark.parametrize("name", ["crm_crm_overview.json", "crm_crm_slo.json"])
def test_an_import_asks_for_the_data_source_and_panels_use_the_answer(name: str) -> None:
    dashboard = found(full())[name]
    assert [(each["name"], each["type"], each["pluginId"]) for each in dashboard["__inputs"]] == [
        (INPUT, "datasource", "prometheus")
    ]
    (variable,) = (each for each in dashboard["templating"]["list"] if each["type"] == "datasource")
    assert variable["current"]["value"] == f"${{{INPUT}}}"
    used = set(re.findall(r'"uid": ?"(\$\{\w+\})"', json.dumps(dashboard["panels"])))
    assert used == {f"${{{variable['name']}}}"}


def test_after_the_answer_is_filled_in_only_variables_of_the_dashboard_are_left() -> None:
    for text in importable(parsed(full())).values():
        imported = json.loads(text.replace(f"${{{INPUT}}}", "uid-of-the-answer"))
        variables = {each["name"] for each in imported["templating"]["list"]}
        assert set(re.findall(r"\$\{(\w+)", json.dumps(imported))) <= variables
        assert imported["templating"]["list"][0]["current"]["value"] == "uid-of-the-answer"


def test_an_imported_dashboard_can_be_edited_and_is_otherwise_the_same() -> None:
    resource = parsed(full())
    changed = {"description", "__inputs", "__requires", "id", "editable", "templating"}
    for name, dashboard in dashboards.wanted(resource).items():
        imported = found(full())[dashboards.file_name(resource, name)]
        assert imported["editable"] is True
        assert imported["id"] is None
        assert {k: v for k, v in imported.items() if k not in changed} == {
            k: v for k, v in json.loads(json.dumps(dashboard)).items() if k not in changed
        }


def test_the_same_resource_gives_the_same_bytes() -> None:
    assert importable(parsed(minimal())) == importable(parsed(minimal()))
