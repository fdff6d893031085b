"""The chart's copy of the CustomResourceDefinition: its spec, to which a template adds what Helm decides."""

from crm_monitoring.api.crd import crd
from crm_monitoring.render.documents import dump

PATH = "charts/crm-monitoring-operator/files/crd-spec.yaml"


def content(notice: str) -> str:
    """Return the file. It is inserted as text, so braces in descriptions are no templates to Helm."""
    body = dump([{"spec": crd()["spec"]}]).removeprefix("---\n")
    return f"# {notice}\n{body}"
