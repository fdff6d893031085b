"""`python -m demo [--keep] [--quick] [--context NAME]`; `make demo` prints the opening and does the set-up first."""

import argparse
import contextlib
import signal
import sys
import tempfile
from pathlib import Path

from demo import loop, story
from demo.screen import Screen
from support.loop import Loop
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
    parser.add_argument("--quick", action="store_true", help="leave out the second half, the loop")
    parser.add_argument("--context", help="use an existing cluster by this context of your kubeconfig")
    chosen = parser.parse_args()
    screen = Screen()
    try:
        return run(screen, keep=chosen.keep, quick=chosen.quick, context=chosen.context)
    except (TestbedError, TimeoutError) as problem:
        print(f"\ndemo: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped", file=sys.stderr)
        return 130


def run(screen: Screen, *, keep: bool, quick: bool, context: str | None) -> int:
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
        running = None
        if isinstance(cluster, ControlPlane) and not quick:
            screen.plain("\nSecond half: the loop, from a failure of a running CRM to a pager and back")
            running = loop.show(stack, screen, cluster, directory)
        else:
            screen.plain(
                "\nThe second half, a failure that reaches a pager, is left out with QUICK=1 and with CONTEXT=."
            )
        if keep:
            _wait(screen, cluster, operator, running)
        if context:
            story.clean_up(stage)
    screen.plain("\n".join(["", "Everything is stopped. What to try next:", *_NEXT]))
    return 0


_NEXT = (
    "  make demo KEEP=1                                                 and look around with kubectl",
    "  .venv/bin/crm-monitoring render -f examples/quickstart/crmmonitoring.yaml    what it becomes, without a cluster",
    "  .venv/bin/crm-monitoring validate -f examples/full/crmmonitoring.yaml        a resource with every block",
    "  make loop                                                        provoke every alert in the running CRM",
    "  make test                                                        everything above, asserted",
)


def _wait(screen: Screen, cluster: ControlPlane | ExistingCluster, operator: Operator, running: Loop | None) -> None:
    lines = ["", "Left running. In another terminal:"]
    if isinstance(cluster, ControlPlane):
        lines.append(f"  export KUBECONFIG={cluster.kubeconfig()}")
        lines.append(f"  alias kubectl={binaries.find('kubectl')}")
    lines += [
        "  kubectl -n crm get crmmon,prometheusrules,servicemonitors,configmaps",
        "  kubectl -n crm describe crmmon crm",
        f"  curl -s {operator.url('/metrics')}",
        f"  tail -f {operator.log}",
    ]
    if running:
        lines += [
            f"  curl -s -X POST '{running.sample.url}/faults/channel_down?on=true'    # GET /faults lists them",
            f"  Prometheus: {running.prometheus.url}    Alertmanager: {running.alertmanager}",
        ]
    lines += ["Press Ctrl-C to stop everything."]
    screen.plain("\n".join(lines))
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
