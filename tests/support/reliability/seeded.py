"""Known bugs of operators, each as a change of the text of ours: the campaigns must find every one of them.

A bug is put into a copy of the package, and a process is started from there. Nothing else can have it. Where the text
to be changed is no longer found exactly once, `seed` fails: the bug must then be put where the code is now.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "operator" / "crm_monitoring"

_FROM_COPY = "import sys; sys.path.insert(0, sys.argv.pop(1)); from crm_monitoring.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a file of the package."""

    file: str
    text: str
    """What must be there exactly once."""
    instead: str

    def of(self, content: str) -> str:
        """Return the content of the file with the change. Raise LookupError when the text is not there exactly once."""
        found = content.count(self.text)
        if found != 1:
            raise LookupError(f"{self.file} holds the text {found} times instead of once:\n{self.text}")
        return content.replace(self.text, self.instead)


Bug = tuple[Change, ...]

_NOTHING_LISTED_AGAIN = Change("controller/lister.py", "wait = self._every_seconds", "wait = 1e9")

BUGS: Mapping[str, Bug] = {
    "nothing is compared": (
        Change(
            "reconcile/children.py",
            '        """Return whether an object is known to be as desired."""\n',
            "        return False\n",
        ),
        Change("reconcile/drift.py", "return Comparison(walk.change,", "return Comparison(Change.APPLY,"),
    ),
    "what is left over is not pruned": (
        Change(
            "reconcile/children.py",
            "result = await self._prune(key, owned.get(key), uid, observe=observe, presence=presence)",
            "result = None",
        ),
    ),
    "every second change is lost, and nothing is listed again": (
        Change(
            "controller/process.py",
            "            store.observe(body)\n",
            '            if body["metadata"]["generation"] % 2:\n                store.observe(body)\n',
        ),
        _NOTHING_LISTED_AGAIN,
    ),
    "nothing is listed again": (_NOTHING_LISTED_AGAIN,),
    "who does not hold the Lease writes": (
        Change(
            "controller/process.py",
            "await _first(self._leading.wait(), self._stopping.wait(), self._lost.wait())",
            "self._leading.set()",
        ),
        Change("cluster/kube.py", "if call.verb in _WRITES and not self._may_write():", "if False:"),
        Change("cluster/fence.py", "if not self._may_write():", "if False:"),
    ),
    "the status comes before the children": (
        Change(
            "reconcile/resource_pass.py",
            "        bundle = render(resource, observed, secrets, self._settings)\n",
            "        bundle = render(resource, observed, secrets, self._settings)\n"
            "        await self._tell(key, body, Outcome(generation, concerns=concerns))\n",
        ),
    ),
    "children get other names from second to second": (
        Change(
            "render/names.py",
            'return f"{resource.metadata.name}-crm-{purpose}"',
            "return f\"{resource.metadata.name}-crm-{purpose}-{int(__import__('time').time())}\"",
        ),
    ),
    "an error quotes what was to be written": (
        Change(
            "reconcile/merged_secrets.py",
            "            await self._cluster.apply(desired, force=True)\n            return State.CREATED\n",
            "            try:\n"
            "                await self._cluster.apply(desired, force=True)\n"
            "            except ClusterError as error:\n"
            '                raise Unavailable(f"{error}: {content.decode()}") from None\n'
            "            return State.CREATED\n",
        ),
    ),
    "a delete has no precondition": (
        Change(
            "cluster/kube.py", 'body = {**_DELETE_OPTIONS, "preconditions": {"uid": uid}}', "body = _DELETE_OPTIONS"
        ),
    ),
    "the finalizer is never removed": (
        Change(
            "reconcile/workload_pass.py", "        await self._set_finalizer(body, wanted=False)\n", "        return\n"
        ),
    ),
    "Ready is True while a child failed": (
        Change(
            "reconcile/children.py", "return ChildResult(outcome, finding, is_", "return ChildResult(outcome, None, is_"
        ),
    ),
}
"""Bugs by what is wrong, as a sentence."""


def seed(bug: Iterable[Change], directory: Path) -> tuple[str, ...]:
    """Copy the package into a directory, with a bug; return the arguments of Python that run it from there."""
    copy = directory / PACKAGE.name
    shutil.copytree(PACKAGE, copy)
    for change in bug:
        file = copy / change.file
        file.write_text(change.of(file.read_text(encoding="utf-8")), encoding="utf-8")
    return ("-c", _FROM_COPY, str(directory))
