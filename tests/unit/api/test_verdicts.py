"""The offline check gives the verdict of the table. tests/integration/test_crd.py sends the same table to an API server."""

import pytest

from crm_monitoring.api.validation import load, validate
from crm_monitoring.errors import InvalidSpec
from crm_monitoring.manifest import Manifest
from support.verdicts import INVALID, ONLY_PYTHON, VALID

REFUSED = {**INVALID, **ONLY_PYTHON}


@pytest.mark.parametrize("sentence", VALID)
def test_what_is_valid_is_accepted(sentence: str) -> None:
    body, _ = VALID[sentence]

    assert validate(load(body)).problems == ()


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_is_invalid_is_refused_and_only_the_right_field_is_blamed(sentence: str) -> None:
    body, path = REFUSED[sentence]

    assert {problem.path for problem in refusal(body).problems} == {path}


def refusal(body: Manifest) -> InvalidSpec:
    with pytest.raises(InvalidSpec) as caught:
        load(body)
    return caught.value
