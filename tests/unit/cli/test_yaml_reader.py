"""YAML is read as kubectl reads it."""

from typing import Any

import pytest

from crm_monitoring.cli.yaml_reader import BrokenYaml, documents

SCALARS: dict[str, tuple[str, Any]] = {
    "a date is text": ("2026-01-02", "2026-01-02"),
    "a time of day is text, not a number to the base of 60": ("12:30:45", "12:30:45"),
    "yes is true": ("yes", True),
    "a number with an exponent is a number": ("1e3", 1000.0),
    "a fraction is a number": ("1.5", 1.5),
    "a leading zero means octal": ("0644", 0o644),
    "a hexadecimal number is a number": ("0x1f", 31),
    "a number in quotes is text": ("'250'", "250"),
    "a percentage is text": ("95%", "95%"),
    "a duration is text": ("30s", "30s"),
    "nothing is null": ("", None),
}

BROKEN = {
    "a map that does not end": ("a: {b: 1", "line 2, column 1: did not find expected ',' or '}'"),
    "a tab for indentation": ("a:\n\tb: 1", "line 2, column 1: found character that cannot start any token"),
    "a key that is there twice": ("a: 1\nb: 1\na: 2\n", "line 3, column 1: key a is there twice"),
    "a key that is there twice, deep": ("a:\n  b: 1\n  b: 2\n", "line 3, column 3: key b is there twice"),
    "a tag of a programming language": ("a: !!python/object:os.system x", "could not determine a constructor"),
    "an alias of nothing": ("a: *b", "found undefined alias"),
    "an alias of what it stands in": ("a: &x [*x]", "holds an alias of what it stands in"),
    "a control character": ("a: \x00", "holds a character that YAML does not allow"),
    "a map as a key": ("? {a: 1}\n: 2", "unhashable key"),
}


@pytest.mark.parametrize("case", SCALARS)
def test_scalars(case: str) -> None:
    text, wanted = SCALARS[case]
    ((_, content),) = documents(f"key: {text}\n")
    assert content == {"key": wanted}
    assert type(content["key"]) is type(wanted)


@pytest.mark.parametrize("case", BROKEN)
def test_broken_text_gives_one_message_with_its_place(case: str) -> None:
    text, wanted = BROKEN[case]
    ((number, content),) = documents(text)
    assert number == 1
    assert isinstance(content, BrokenYaml)
    assert wanted in content.message


def test_empty_documents_are_counted_and_left_out() -> None:
    assert list(documents("---\n---\na: 1\n---\n# a comment\n---\nb: 2\n")) == [(2, {"a": 1}), (4, {"b": 2})]


def test_documents_before_and_after_a_repeated_key_are_read() -> None:
    read = list(documents("a: 1\n---\nb: 1\nb: 2\n---\nc: 3\n"))
    assert [number for number, _ in read] == [1, 2, 3]
    assert (read[0][1], read[2][1]) == ({"a": 1}, {"c": 3})


def test_documents_before_broken_syntax_are_read() -> None:
    read = list(documents("a: 1\n---\nb: [\n"))
    assert read[0] == (1, {"a": 1})
    assert isinstance(read[1][1], BrokenYaml)


def test_a_merge_key_may_repeat_keys() -> None:
    assert list(documents("base: &b {x: 1}\nmore: {<<: *b, x: 2}\n")) == [(1, {"base": {"x": 1}, "more": {"x": 2}})]


def test_the_same_alias_twice_is_fine() -> None:
    assert list(documents("a: &x [1]\nb: *x\nc: *x\n")) == [(1, {"a": [1], "b": [1], "c": [1]})]
