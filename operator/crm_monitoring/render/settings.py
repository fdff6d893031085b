"""What the administrator of the operator decides about rendering; authors of resources cannot."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """Settings of the compiler. The defaults are those of the command line without flags."""

    cluster: str = ""
    """Name of the cluster; when set it becomes the label `cluster` of alerts, of grouping and of inhibition."""
    prober: str = ""
    """Address of the blackbox exporter as host:port, without a scheme. Empty: `spec.blackbox` cannot be served."""
    runbook_base_url: str = "https://crm-monitoring.example.org/runbooks"
    """Where runbooks are published, for resources that do not say so themselves."""
