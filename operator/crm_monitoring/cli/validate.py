"""`validate`: everything that is wrong with resources, at once."""

import json
from collections.abc import Iterable
from typing import Any

import click

from crm_monitoring.api.conditions import Finding
from crm_monitoring.cli import options
from crm_monitoring.cli.compiling import Compiled, compiled
from crm_monitoring.cli.context import load_context
from crm_monitoring.cli.credentials import placeholders
from crm_monitoring.cli.exits import FOUND, codes, say
from crm_monitoring.cli.loading import Loaded, load_files
from crm_monitoring.errors import Problem
from crm_monitoring.render.settings import RenderSettings


@click.command(
    epilog=codes(
        ok="all resources are valid",
        found="there are problems; with --strict: problems or warnings",
        failed="wrong usage, or a file cannot be read",
    )
)
@options.files
@options.context
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Form of the output.")
@options.settings
def command(
    *,
    files: tuple[str, ...],
    namespace: str | None,
    context_files: tuple[str, ...],
    strict: bool,
    output: str,
    settings: RenderSettings,
) -> None:
    """Say everything that is wrong with CRMMonitoring resources.

    One line for each problem: FILE:DOCUMENT: PATH: MESSAGE. DOCUMENT counts the documents of the file from 1. With
    --context the resources are compiled, too, and what does not fit the cluster is reported.
    """
    loaded = load_files(files, namespace)
    context = load_context(context_files, namespace)
    results = compiled(loaded, context, placeholders, settings) if context_files else []
    entries = _entries(loaded, results)
    if output == "json":
        click.echo(json.dumps({"valid": not _problems(entries), "resources": entries}, indent=2))
    else:
        for entry in entries:
            _show(entry)
    warnings = sum(len(entry["warnings"]) for entry in entries)
    say(f"resources: {len(entries)}, problems: {_problems(entries)}, warnings: {warnings}")
    if _problems(entries) or (strict and warnings):
        raise click.exceptions.Exit(FOUND)


def _entries(loaded: Iterable[Loaded], results: Iterable[Compiled]) -> list[dict[str, Any]]:
    by_place = {result.place: result for result in results}
    return [_entry(each, by_place.get(each.place)) for each in loaded]


def _entry(loaded: Loaded, result: Compiled | None) -> dict[str, Any]:
    namespace, name = loaded.key
    warnings = [_problem(warning) for warning in loaded.warnings]
    warnings += [{"path": "", "message": text} for text in (result.bundle.warnings if result else ())]
    return {
        "place": str(loaded.place),
        "file": loaded.place.file,
        "document": loaded.place.document,
        "namespace": namespace,
        "name": name,
        "problems": [_problem(problem) for problem in loaded.problems],
        "findings": [_finding(finding) for finding in (result.bundle.findings if result else ())],
        "warnings": warnings,
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message}


def _finding(finding: Finding) -> dict[str, str]:
    return {"condition": finding.condition.value, "reason": finding.reason.value, "message": finding.message}


def _problems(entries: Iterable[dict[str, Any]]) -> int:
    return sum(len(entry["problems"]) + len(entry["findings"]) for entry in entries)


def _show(entry: dict[str, Any]) -> None:
    place = entry["place"]
    for problem in entry["problems"]:
        click.echo(f"{place}: {Problem(**problem)}")
    for finding in entry["findings"]:
        click.echo(f"{place}: {finding['condition']}=False/{finding['reason']}: {finding['message']}")
    for warning in entry["warnings"]:
        click.echo(f"{place}: warning: {Problem(**warning)}")
