"""The marker of the slow proof that the cases notice faults."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "mutation: seeds faults into the rules, minutes; needs promtool")
