"""Version v1alpha1 of the CRMMonitoring resource, one file per block of the spec."""

from crm_monitoring.api.v1alpha1.resource import CRMMonitoring, Spec

__all__ = ["CRMMonitoring", "Spec"]
