"""`python -m sample_crm [--host 0.0.0.0] [--port 8080] [--rate 5]`; CRM_* variables say the rest."""

import argparse
import sys

import uvicorn

from crm_monitoring.errors import SettingsError
from sample_crm.web import application


def main() -> int:
    """Run the service until it is told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="sample_crm", description="A CRM to try the monitoring on.")
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - a container's service
    parser.add_argument("--port", type=int, default=8080, help="port of the API and of the health endpoints")
    parser.add_argument("--rate", type=float, default=5.0, help="communications per second")
    given = parser.parse_args()
    try:
        app = application(given.rate)
    except (SettingsError, OSError) as problem:
        print(f"sample_crm: {problem}", file=sys.stderr)  # noqa: T201 - there is no log yet
        return 2
    uvicorn.run(app, host=given.host, port=given.port, log_config=None, access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
