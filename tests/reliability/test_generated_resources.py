"""Ten thousand resources that nobody thought of: each is refused in words or handled, and no consumer refuses it."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from crm_monitoring.api.validation import load
from crm_monitoring.errors import InvalidSpec
from support.reliability.batches import Batches, rule_file, templates
from support.reliability.consumers import Tools
from support.reliability.generate import Generator, Schema, spec_schema
from support.reliability.generated_live import LiveRun
from support.reliability.judging import Judged, judge, sample
from support.reliability.places import places
from support.reliability.record import Recorder
from support.resources import minimal
from testbed.controlplane import ControlPlane

Tool = Callable[[str], Path]
Record = Callable[..., Recorder]

CAMPAIGN = "generated_resources"
ALL = 10_000
CHUNK = 1_000
SAMPLED = range(240)
SENT = range(ALL, ALL + 500)
SENT_IN_SAMPLE = range(ALL, ALL + 30)


def judged_by_all(numbers: Iterable[int], tool: Tool, directory: Path, recorder: Recorder) -> None:
    """Judge samples: by what must be true of all, by promtool and by amtool; record a row for each."""
    promtool, amtool = tool("promtool"), tool("amtool")
    rules = Batches(directory, lambda paths: [promtool, "check", "rules", "--lint=none", *paths])
    routing = Batches(directory, lambda paths: [amtool, "check-config", *paths])
    found: dict[str, Judged] = {}
    with_templates: dict[str, str] = {}
    for number in numbers:
        one = sample(number)
        judged = found[str(one)] = judge(one)
        for spec in judged.rules:
            rules.add(str(one), rule_file(spec))
        if judged.routing:
            routing.add(str(one), judged.routing)
            with_templates |= dict.fromkeys(templates(judged.routing), str(one))
        judged.output = judged.routing = b""
        judged.rules = ()
    for batches in (rules, routing):
        batches.flush()
        for whose, said in batches.refused:
            found[whose].violate("O8", said)
    tools = Tools(tool, directory)
    for text, whose in with_templates.items():
        complaint = tools("template", text.encode())
        if complaint:
            found[whose].violate("O8", complaint)
    for plan, judged in found.items():
        recorder.add(
            plan,
            converged=True,
            tracebacks=len(judged.exceptions),
            violations={**judged.violations, **({"O7": judged.exceptions} if judged.exceptions else {})},
        )
    assert rules.asked > len(found) / 4
    assert routing.asked > len(found) / 40


@pytest.mark.timeout(120)
def test_a_few_generated_resources_are_refused_in_words_or_compiled_safely(
    record: Record, tool: Tool, tmp_path: Path
) -> None:
    recorder = record(CAMPAIGN)

    judged_by_all(SAMPLED, tool, tmp_path, recorder)

    assert not recorder.failures(), recorder.told()


@pytest.mark.reliability
@pytest.mark.timeout(900)
@pytest.mark.parametrize("begin", range(0, ALL, CHUNK))
def test_generated_resources_are_refused_in_words_or_compiled_safely(
    begin: int, record: Record, tool: Tool, tmp_path: Path
) -> None:
    recorder = record(CAMPAIGN)

    judged_by_all(range(begin, begin + CHUNK), tool, tmp_path, recorder)

    assert not recorder.failures(), recorder.told()


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_the_api_server_and_the_operator_agree_on_a_few(
    served_plane: ControlPlane, record: Record, tool: Tool, tmp_path: Path
) -> None:
    recorder = record(CAMPAIGN)

    with LiveRun(served_plane, tmp_path, tool, recorder) as run:
        run.send(SENT_IN_SAMPLE)

    assert not recorder.failures(), recorder.told()


@pytest.mark.integration
@pytest.mark.reliability
@pytest.mark.timeout(900)
def test_the_api_server_and_the_operator_agree(
    served_plane: ControlPlane, record: Record, tool: Tool, tmp_path: Path
) -> None:
    recorder = record(CAMPAIGN)

    with LiveRun(served_plane, tmp_path, tool, recorder) as run:
        run.send(SENT)

    assert not recorder.failures(), recorder.told()


def test_a_number_gives_the_same_resource_and_the_same_bytes_in_every_process() -> None:
    program = (
        "import hashlib\n"
        "from support.reliability.judging import judge, sample\n"
        "digest = hashlib.sha256()\n"
        "for number in range(6, 100, 17):\n"
        "    one = sample(number)\n"
        "    digest.update(repr(one).encode() + judge(one).output)\n"
        "print(digest.hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    told = {
        subprocess.check_output([sys.executable, "-c", program], env={**environment, "PYTHONHASHSEED": seed}, text=True)
        for seed in ("1", "2")
    }

    assert len(told) == 1
    assert hashlib.sha256().hexdigest() not in told


def test_every_field_of_the_schema_is_generated_unless_it_is_always_refused() -> None:
    generated = {
        re.sub(r"\[\d+\]", "[]", str(place))
        for number in range(100)
        for place in places(spec_schema(), Generator(number).valid_spec())
    }
    absent = {path: schema for path, schema in fields(spec_schema()) if path not in generated}

    assert len(generated) > 300
    assert [path for path, schema in absent.items() if is_accepted(path, schema)] == []


def fields(schema: Schema, path: str = "") -> Iterable[tuple[str, Schema]]:
    """Yield the path of every field with its schema."""
    for name, below in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, below
        yield from fields(below, here)
        yield from fields(below.get("items", {}), f"{here}[]")


def is_accepted(path: str, schema: Schema) -> bool:
    """Return whether any generated value of a field that is in no list is accepted."""
    assert "[]" not in path, f"{path} is not generated"
    generator = Generator(path)
    for _ in range(20):
        value: Any = generator.value(schema, path.rpartition(".")[2])
        for name in reversed(path.split(".")):
            value = {name: value}
        try:
            load(minimal(value))
        except InvalidSpec:
            continue
        return True
    return False
