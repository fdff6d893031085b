"""A number is whole by its value, as for the API server, which stores 8000.0 as 8000."""

import pytest

from crm_monitoring.api.parsing import parse
from crm_monitoring.errors import InvalidSpec
from support.resources import minimal


def test_a_whole_number_may_be_written_with_a_point() -> None:
    found = parse(minimal({"metrics": {"port": 8000.0, "sampleLimit": 100.0}})).spec.metrics

    assert (repr(found.port), repr(found.sample_limit)) == ("8000", "100")


@pytest.mark.parametrize("port", [8000.5, 1e300, 65536.0, 0.0, float("inf"), float("nan")])
def test_what_is_no_port_is_refused_however_it_is_written(port: float) -> None:
    with pytest.raises(InvalidSpec):
        parse(minimal({"metrics": {"port": port}}))
