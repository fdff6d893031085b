"""`python -m crm_monitoring` is the command `crm-monitoring`."""

from crm_monitoring.cli.main import main

main()
