"""Consumers: which texts of an alertmanager.yaml are run as templates."""

import base64

from support.reliability.consumers import refused

ROUTING = """\
receivers:
  - name: mail
    email_configs: [{auth_username: "{{ $value }}", auth_password: "{{", headers: {Subject: "{{ .Status }}"}}]
"""


def test_a_user_name_and_a_password_with_braces_are_no_templates() -> None:
    asked: list[tuple[str, bytes]] = []

    def judge(what: str, content: bytes) -> str:
        asked.append((what, content))
        return ""

    metadata = {"name": "am", "labels": {"app.kubernetes.io/managed-by": "crm-monitoring-operator"}}
    data = {"alertmanager.yaml": base64.b64encode(ROUTING.encode()).decode()}
    refused([{"kind": "Secret", "metadata": metadata, "data": data}], judge)

    assert [content for what, content in asked if what == "template"] == [b"{{ .Status }}"]
