"""Monitoring of a CRM communication engine: operator, command line and in-app library."""

__version__ = "0.1.0"
