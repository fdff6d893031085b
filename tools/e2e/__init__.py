"""The stories of tests/e2e on kind, or in a cluster that exists: `python -m e2e`."""
