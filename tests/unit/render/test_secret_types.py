"""Which Secrets are read: by their type alone, before any value is looked at."""

import pytest

from crm_monitoring.render.secret_types import READ, withheld

OTHERS = (
    "kubernetes.io/service-account-token",
    "bootstrap.kubernetes.io/token",
    "helm.sh/release.v1",
    "kubernetes.io/dockerconfigjson",
    "kubernetes.io/dockercfg",
    "kubernetes.io/ssh-auth",
    "example.com/anything",
    "opaque",
)


@pytest.mark.parametrize("type_", OTHERS)
def test_a_secret_of_another_type_is_withheld_and_empty(type_: str) -> None:
    content = withheld({"type": type_, "data": {"token": "dG9rZW4="}})

    assert content is not None
    assert (content.type, dict(content)) == (type_, {})


@pytest.mark.parametrize("secret", [{}, *({"type": type_} for type_ in READ)], ids=["no type", *READ])
def test_a_secret_is_read_that_people_store_credentials_in(secret: dict[str, str]) -> None:
    assert withheld(secret) is None


def test_a_long_type_does_not_make_a_long_message() -> None:
    content = withheld({"type": "x" * 1000})

    assert content is not None
    assert len(content.type) == 100
