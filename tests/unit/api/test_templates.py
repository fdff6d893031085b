"""Annotations may show the value and labels, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_monitoring.api.templates import refused

ACCEPTED = [
    "",
    "no template",
    "{{ $value }}",
    "{{$value}}",
    "{{ $labels.channel }} and {{ $labels._x9 }}",
    "{{ humanize $value }} {{ humanize1024 $value }} {{ humanizeDuration $value }}",
    "{{ humanizePercentage $value }} {{ $value | humanizePercentage }} {{ $value|humanizeTimestamp }}",
    "a } b }} c { d",
]

REFUSED = {
    '{{ query "up" }}': (1,),
    'x {{ range query "up" }}{{ end }}': (3, 25),
    '{{ define "x" }}{{ template "x" }}{{ end }}': (1, 17, 35),
    "{{ .Labels.x }}": (1,),
    "{{ $externalURL }}": (1,),
    "{{ $labels }}": (1,),
    '{{ index $labels "a" }}': (1,),
    '{{ printf "%s" $value }}': (1,),
    "{{ humanize $labels.x }}": (1,),
    "{{ $value | safeHtml }}": (1,),
    "{{/* comment */}}": (1,),
    "{{- $value -}}": (1,),
    "{{ $value": (1,),
    "{{{ $value }}}": (1,),
    "{{ $value\n}}": (1,),
    "{{ }}": (1,),
}


@pytest.mark.parametrize("text", ACCEPTED)
def test_is_accepted(text: str) -> None:
    assert refused(text) == ()


@pytest.mark.parametrize("text", REFUSED)
def test_is_refused_at_its_place(text: str) -> None:
    assert refused(text) == REFUSED[text]


@given(st.text(alphabet='{}$|. "valuehmnizqrylbs', max_size=60))
def test_what_is_left_after_the_accepted_templates_has_no_open_braces(text: str) -> None:
    if not refused(text):
        rest = text
        while "{{" in rest:
            before, _, after = rest.partition("{{")
            inside, closed, behind = after.partition("}}")
            assert closed
            assert inside.strip().startswith(("$value", "$labels.", "humanize"))
            rest = before.replace("{", "") + behind


def test_a_long_hostile_text_is_read_in_linear_time() -> None:
    assert len(refused("{{" * 50_000)) == 1
    assert len(refused("{{ $value " + "|" * 100_000 + "}}")) == 1
