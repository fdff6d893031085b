"""`python -m demo [--keep] [--context NAME]`; `make demo` prints the opening and does the set-up first."""

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from demo import story
from demo.screen import Screen
from testbed import binaries, role
from testbed.controlplane import ControlPlane
from testbed.errors import TestbedError
from testbed.existing_cluster import ExistingCluster
from testbed.operator import Operator

ROOT = Path(__file__).resolve().parents[2]
OWN_CRD = ROOT / "crds" / "crmmonitorings.monitoring.crm.io.yaml"
OPERATOR_NAMESPACE = "crm-monitoring"
ACCOUNT = "crm-monitoring-operator"


def main() -> int:
    """Run the demonstration and return its exit code."""
    parser = argparse.ArgumentParser(prog="demo", description="Show the operator at work on a real API server.")
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--context", help="use an existing cluster by this context of your kubeconfig")
    chosen = parser.parse_args()
    screen = Screen()
    try:
        return run(screen, keep=chosen.keep, context=chosen.context)
    except (TestbedError, TimeoutError) as problem:
        print(f"\ndemo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return 130


def run(screen: Screen, *, keep: bool, context: str | None) -> int:
    """Set the stage, tell the story, leave."""
    with contextlib.ExitStack() as stack:
        cluster: ControlPlane | ExistingCluster
        if context:
            cluster = ExistingCluster(context)
        else:
            with screen.step("Find or build the API server, etcd and kubectl"):
                for name in ("etcd", "kube-apiserver", "kubectl"):
                    binaries.find(name)
            with screen.step("Boot the control plane"):
                cluster = stack.enter_context(ControlPlane())
        stage = story.Stage(cluster, screen)
        with screen.step("Install the CRDs: prometheus-operator's and ours"):
            cluster.install_crds([*binaries.crds(), OWN_CRD])
        with screen.step("Start the operator under its own role"):
            kubeconfig = role.grant(cluster, ACCOUNT, OPERATOR_NAMESPACE)
            directory = Path(tempfile.mkdtemp(prefix="crm-demo-"))
            operator = Operator(kubeconfig, lease_namespace=OPERATOR_NAMESPACE, directory=directory)
            operator.start()
            stack.callback(operator.stop)
            screen.say(f"log: {operator.log}")
        story.quickstart(stage)
        story.edit(stage)
        story.heal(stage)
        if keep:
            _wait(screen, cluster, operator)
        if context:
            story.clean_up(stage)
    screen.plain("\n".join(["", "Everything is stopped. What to try next:", *_NEXT]))
    return 0


_NEXT = (
    "  make demo KEEP=1                                                 and look around with kubectl",
    "  .venv/bin/crm-monitoring render -f examples/quickstart/crmmonitoring.yaml    what it becomes, without a cluster",
    "  .venv/bin/crm-monitoring validate -f examples/full/crmmonitoring.yaml        a resource with every block",
    "  make test                                                        everything above, asserted",
)


def _wait(screen: Screen, cluster: ControlPlane | ExistingCluster, operator: Operator) -> None:
    lines = ["", "Left running. In another terminal:"]
    if isinstance(cluster, ControlPlane):
        lines.append(f"  export KUBECONFIG={cluster.kubeconfig()}")
        lines.append(f"  alias kubectl={binaries.find('kubectl')}")
    lines += [
        "  kubectl -n crm get crmmon,prometheusrules,servicemonitors,configmaps",
        "  kubectl -n crm describe crmmon crm",
        f"  curl -s {operator.url('/metrics')}",
        f"  tail -f {operator.log}",
        "Press Ctrl-C to stop everything.",
    ]
    screen.plain("\n".join(lines))
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
