from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.render.documents import dump

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t"), max_size=40)
)
CONTENT = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-/.=onyN1", min_size=1), inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata", "spec", "data"]), CONTENT, min_size=1)


@given(st.lists(OBJECTS, max_size=3))
def test_what_is_written_is_read_back(manifests: list[dict[str, Any]]) -> None:
    assert list(yaml.safe_load_all(dump(manifests))) == manifests


def backwards(value: Any) -> Any:
    """Return the same content with every map in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


@given(OBJECTS)
def test_the_order_in_which_maps_were_built_does_not_matter(manifest: dict[str, Any]) -> None:
    assert dump([manifest]) == dump([backwards(manifest)])


def test_an_object_begins_as_kubectl_writes_it() -> None:
    manifest = {
        "spec": {"b": 1, "a": 2},
        "metadata": {"labels": {}, "namespace": "crm", "name": "x"},
        "kind": "K",
        "apiVersion": "v1",
        "data": {"a": "b"},
    }
    assert dump([manifest]) == (
        "---\napiVersion: v1\nkind: K\nmetadata:\n  name: x\n  namespace: crm\n  labels: {}\nspec:\n  a: 2\n  b: 1\ndata:\n  a: b\n"
    )


def test_each_object_is_a_document() -> None:
    assert dump([{"kind": "A"}, {"kind": "B"}]) == "---\nkind: A\n---\nkind: B\n"


def test_nothing_is_written_for_no_objects() -> None:
    assert dump([]) == ""


AMBIGUOUS = (
    *("on", "Off", "yes", "NO", "y", "N", "true", "False", "null", "~", "=", "<<"),
    *(
        "1",
        "-1",
        "+1",
        "1_000",
        "0x1F",
        "0o17",
        "017",
        "0b101",
        "1.5",
        "1e3",
        "1E-3",
        ".5",
        "-.5e1",
        "1.",
        ".inf",
        "-.INF",
        ".NaN",
    ),
    *("089", "0X1F", "+.5", "1_0e2", "2024-1-2", "12:30", "12:30:45", "2024-01-02", "2024-01-02T03:04:05Z"),
)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_string_that_some_parser_takes_for_something_else_is_quoted(text: str) -> None:
    assert dump([{"value": text}]) == f"---\nvalue: '{text}'\n"


@pytest.mark.parametrize("text", ["15s", "1m30s", "30d", "crm-api", "v1", "/metrics", "10k", "e3", "1e", "0xyz", "95%"])
def test_a_plain_string_stays_plain(text: str) -> None:
    assert dump([{"value": text}]) == f"---\nvalue: {text}\n"


def test_an_expression_stays_on_one_line() -> None:
    expression = " + ".join(["sum(rate(crm_communications_total[5m]))"] * 50)
    assert f"expr: {expression}\n" in dump([{"expr": expression}])


def test_a_text_of_several_lines_is_a_block() -> None:
    assert dump([{"value": "a: 1\nb: ü\n"}]) == "---\nvalue: |\n  a: 1\n  b: ü\n"


@pytest.mark.parametrize("text", ["a\u2028b", "a\u2028b\n", "a\x85b", "a\tb\n"])
def test_a_character_that_some_parser_takes_for_a_line_break_is_escaped(text: str) -> None:
    assert dump([{"value": text}]).isascii()
    assert list(yaml.safe_load_all(dump([{"value": text}]))) == [{"value": text}]


def test_content_that_is_shared_is_written_twice() -> None:
    shared = {"a": "b"}
    assert "&" not in dump([{"x": shared, "y": shared}])
