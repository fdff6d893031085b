"""The public names of the library, and what importing them costs."""

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

from crm_monitoring import instrumentation

ROOT = Path(__file__).parents[3]
EXTRAS = {"apprise", "fastapi", "opentelemetry", "starlette"}
OPERATOR = {"aiohttp", "click", "kopf", "kubernetes", "promql_parser", "pydantic", "yaml"}


def test_every_public_name_is_there() -> None:
    assert {name: getattr(instrumentation, name).__module__ for name in instrumentation.__all__}
    assert dir(instrumentation) == sorted(instrumentation.__all__)


def test_the_list_is_complete_for_programs_and_for_type_checkers() -> None:
    assert sorted(instrumentation._HOME_OF) == instrumentation.__all__
    tree = ast.parse(Path(str(instrumentation.__file__)).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == instrumentation._HOME_OF


def test_no_public_name_is_that_of_a_submodule() -> None:
    submodules = {module.name for module in pkgutil.iter_modules(instrumentation.__path__)}
    assert not submodules & set(instrumentation.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(instrumentation, "no_such_name")


def loaded(statement: str) -> set[str]:
    """Return the top-level modules that a statement loads in a new process, those of the standard library left out."""
    code = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    environ = os.environ | {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split()) - sys.stdlib_module_names


def foreign(statement: str) -> set[str]:
    """Return what a statement loads besides what Python itself loads at its start here."""
    return loaded(statement) - loaded("pass")


def test_importing_the_package_loads_nothing() -> None:
    assert foreign("import crm_monitoring.instrumentation") == {"crm_monitoring"}


def test_every_name_but_the_router_works_without_any_extra() -> None:
    names = ", ".join(name for name in instrumentation.__all__ if name != "health_router")
    missing = f"sys.modules.update(dict.fromkeys({sorted(EXTRAS | OPERATOR)!r}))"
    assert "prometheus_client" in loaded(f"{missing}; from crm_monitoring.instrumentation import {names}")


def test_no_name_but_the_router_loads_an_extra() -> None:
    names = ", ".join(name for name in instrumentation.__all__ if name != "health_router")
    assert not loaded(f"from crm_monitoring.instrumentation import {names}") & (EXTRAS | OPERATOR)
