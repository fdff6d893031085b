"""The in-app library: metrics, logging, health and alerts of the CRM itself."""
