"""What we do to the user's Deployment or StatefulSet: probes and variables of one container, without a fight.

`slots` says what a probe or variable is, `fields` who owns it, `memory` what we remember, `rollout` when to wait,
`judge` holds the rules, `decide` turns them into the next write, `execute` carries it out.
"""

from crm_monitoring.reconcile.workload.claims import claimed_by, claims
from crm_monitoring.reconcile.workload.decide import Claim, Plan, decide
from crm_monitoring.reconcile.workload.execute import WorkloadOutcome, reconcile_workload, release_workload
from crm_monitoring.reconcile.workload.fields import holds_anything
from crm_monitoring.reconcile.workload.judge import Policy
from crm_monitoring.reconcile.workload.memory import Memory
from crm_monitoring.reconcile.workload.slots import Slot
from crm_monitoring.reconcile.workload.verdicts import SlotState, Verdict

__all__ = [
    "Claim",
    "Memory",
    "Plan",
    "Policy",
    "Slot",
    "SlotState",
    "Verdict",
    "WorkloadOutcome",
    "claimed_by",
    "claims",
    "decide",
    "holds_anything",
    "reconcile_workload",
    "release_workload",
]
