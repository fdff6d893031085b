"""The CustomResourceDefinition, made from the models."""

from crm_monitoring.api.crd.document import crd

__all__ = ["crd"]
