"""A Kubernetes control plane of child processes: etcd, kube-apiserver and, on request, kube-controller-manager.

    with ControlPlane() as plane:
        plane.install_crds(binaries.crds())
        plane.kubectl("get", "namespaces")

There is no kubelet and no scheduler: pods stay Pending. Without the controller manager nothing is garbage collected,
no namespace goes away, no Deployment makes a ReplicaSet and the aggregated roles (view, edit, admin) stay empty.
"""

import secrets
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from testbed import audit, binaries, crds, kubeconfig, servers
from testbed.apiclient import Answer, ApiClient
from testbed.audit import AuditEvent
from testbed.errors import CommandFailed, StartFailed
from testbed.processes import ChildProcess, ReservedPort

ADMIN = "admin"
CONTROLLER_MANAGER = "system:kube-controller-manager"  # a user of its own, so that the audit log tells it apart
MASTERS = ["system:masters"]
BOOT_SECONDS = 60.0
AUDIT_SECONDS = 5.0
SHARED_MEMORY = Path("/dev/shm")


class ControlPlane:
    """One control plane in one directory. Start it from a thread that lives at least as long as it."""

    def __init__(
        self,
        *,
        controller_manager: bool = False,
        feature_gates: Mapping[str, bool] | None = None,
        users: Mapping[str, Sequence[str]] | None = None,
        keep: bool = False,
    ) -> None:
        """Describe it. `users` adds names with their groups to `admin`; `keep` leaves the directory at the end."""
        self._with_controller_manager = controller_manager
        self._feature_gates = dict(feature_gates or {})
        groups = {**(users or {}), ADMIN: MASTERS, CONTROLLER_MANAGER: MASTERS}
        self._users = {name: (secrets.token_hex(16), ",".join(those)) for name, those in groups.items()}
        self._keep = keep
        self._processes: list[ChildProcess] = []
        self._ports: list[ReservedPort] = []
        self._root: Path | None = None

    # --- life ---

    def start(self) -> Self:
        """Start everything and wait until it is ready. Raises `ToolMissing` or `StartFailed`."""
        try:
            self._start()
        except BaseException as problem:
            self._keep = self._keep or isinstance(problem, StartFailed)  # its logs are named in the error
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all processes and remove the directory. May be called twice."""
        for process in reversed(self._processes):
            process.kill()  # its data goes with it: nothing to save, no reason to wait
        for port in self._ports:
            port.release()
        if self._root and not self._keep:
            shutil.rmtree(self._root, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill_apiserver(self) -> None:
        """End the API server without warning. Its port stays ours."""
        self._apiserver.kill()

    def stop_apiserver(self) -> None:
        """End the API server the polite way. Its port stays ours."""
        self._apiserver.stop()

    def restart_apiserver(self) -> None:
        """Start the API server (again) on the same port, with the same data and certificate, and wait for it."""
        self._apiserver.stop(grace=2.0)
        self._boot_apiserver()

    def kill_etcd(self) -> None:
        """End etcd without warning: the API server stays up and cannot answer. Its data stays."""
        self._etcd.kill()

    def restart_etcd(self) -> None:
        """Start etcd (again) on the same ports, with the data of before, and wait until the API server has it back."""
        self._etcd.stop(grace=2.0)
        self._etcd.start()
        self._apiserver.wait_until(self._is_ready, within=BOOT_SECONDS)

    # --- access ---

    @property
    def directory(self) -> Path:
        """The directory of this control plane: logs, certificates, data."""
        assert self._root is not None, "the control plane was not started"
        return self._root

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def certificate_authority(self) -> Path:
        """What a client of the API server must trust."""
        return self._files.certificate_authority

    @property
    def audit_log(self) -> Path:
        """The audit log, one JSON object per line."""
        return self._files.audit_log

    @cached_property
    def api(self) -> ApiClient:
        """Plain requests as the administrator."""
        return ApiClient(self.url, self._users[ADMIN][0], self.certificate_authority)

    def token(self, user: str = ADMIN) -> str:
        """Return the static token of a user."""
        return self._users[user][0]

    def kubeconfig(self, user: str = ADMIN) -> Path:
        """Return the kubeconfig of `admin` (group system:masters) or of a user given to the constructor."""
        return self._write_kubeconfig(user, self.token(user))

    def service_account_kubeconfig(self, namespace: str, name: str, *, seconds: int = 36000) -> Path:
        """Return the kubeconfig of a service account with a real, bound token; creates what is absent."""
        self.create_namespace(namespace)
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        self._create(accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
        spec = {"expirationSeconds": seconds}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        answer = self._create(f"{accounts}/{name}/token", request)
        return self._write_kubeconfig(f"{namespace}-{name}", answer.body["status"]["token"])

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace unless it exists."""
        metadata = {"name": name, "labels": dict(labels or {})}
        self._create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run uses
        check: bool = True,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or with another kubeconfig."""
        config = kubeconfig or self.kubeconfig()
        command = [str(binaries.find("kubectl")), f"--kubeconfig={config}", *map(str, args)]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False, timeout=120)
        if check and done.returncode:
            raise CommandFailed(f"kubectl {' '.join(map(str, args))}\n{done.stderr or done.stdout}")
        return done

    def apply(self, manifest: Path | str, *, namespace: str | None = None) -> None:
        """Apply a file, a directory or YAML text server-side."""
        where = ["--namespace", namespace] if namespace else []
        command = ["apply", "--server-side", "--force-conflicts", *where, "-f"]
        if isinstance(manifest, Path):
            self.kubectl(*command, manifest)
        else:
            self.kubectl(*command, "-", input=manifest)

    def install_crds(self, paths: Sequence[Path], *, within: float = 30.0) -> None:
        """Apply CRD files server-side and wait until each kind is served."""
        files = [part for path in paths for part in ("-f", path)]
        applied = self.kubectl("apply", "--server-side", "--force-conflicts", "-o", "name", *files).stdout
        names = [line.partition("/")[2] for line in applied.splitlines()]
        crds.wait_until_served(self.api, names, within=within)

    # --- audit ---

    def audit_mark(self) -> int:
        """Return the position behind everything that has happened until now."""
        self._settle_audit()
        return self.audit_log.stat().st_size

    def audit_events(self, mark: int = 0) -> Iterator[AuditEvent]:
        """Yield each request after a mark once, as far as the log is written now."""
        for event in audit.once_per_request(audit.events_from(self.audit_log, mark)):
            if "testbed-fence=" not in event.uri:
                yield event

    def audit_since(
        self, mark: int, *, user: str | None = None, namespace: str | None = None, writes_only: bool = False
    ) -> list[AuditEvent]:
        """Return the requests after a mark, once those that were answered are surely in the log."""
        self._settle_audit()
        return [
            event
            for event in self.audit_events(mark)
            if user in (None, event.user)
            and namespace in (None, event.namespace)
            and (event.is_write or not writes_only)
        ]

    def request_counts(self, mark: int = 0, *, user: str | None = None, namespace: str | None = None) -> Counter[str]:
        """Count the requests after a mark, for example `{"patch configmaps": 3}`."""
        return audit.counted(self.audit_since(mark, user=user, namespace=namespace))

    # --- inside ---

    def _start(self) -> None:
        base = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
        self._root = Path(tempfile.mkdtemp(prefix="crm-controlplane-", dir=base))
        self._files = servers.Files(self._root)
        self._files.write(self._users)
        etcd_port, peer_port, self._port = self._reserve(), self._reserve(), self._reserve()
        self._etcd = self._add(servers.etcd(self._files, etcd_port, peer_port)).start()
        self._apiserver = self._add(servers.apiserver(self._files, self._port, etcd_port, self._feature_gates))
        self._boot_apiserver()  # it waits for etcd by itself
        if self._with_controller_manager:
            self._boot_controller_manager()

    def _boot_apiserver(self) -> None:
        self._apiserver.start().wait_until(self._is_ready, within=BOOT_SECONDS)

    def _is_ready(self) -> bool:
        return self.certificate_authority.exists() and self.api.is_ok("/readyz")

    def _boot_controller_manager(self) -> None:
        port = self._reserve()
        manager = self._add(
            servers.controller_manager(self._files, self.kubeconfig(CONTROLLER_MANAGER), port, self._feature_gates)
        )
        authority = self.directory / "controller-manager" / "kube-controller-manager.crt"
        client = ApiClient(f"https://127.0.0.1:{port}", self.token(CONTROLLER_MANAGER), authority)
        manager.start().wait_until(lambda: authority.exists() and client.is_ok("/healthz"), within=BOOT_SECONDS)

    def _reserve(self) -> ReservedPort:
        port = ReservedPort()
        self._ports.append(port)
        return port

    def _add(self, process: ChildProcess) -> ChildProcess:
        self._processes.append(process)
        return process

    def _create(self, path: str, body: object) -> Answer:
        answer = self.api.request("POST", path, body)
        exists = answer.status == 409
        if answer.status >= 400 and not exists:
            raise CommandFailed(f"POST {path} was answered with {answer.status}: {answer.body}")
        return answer

    def _write_kubeconfig(self, user: str, token: str) -> Path:
        path = self.directory / f"{user.replace(':', '-')}.kubeconfig"
        authority = self.certificate_authority
        return kubeconfig.write(path, server=self.url, certificate_authority=authority, user=user, token=token)

    def _settle_audit(self) -> None:
        """Send one marked request and wait for it in the log: what was answered before it is then there, too."""
        offset = self.audit_log.stat().st_size if self.audit_log.exists() else 0
        fence = f"testbed-fence={secrets.token_hex(8)}"
        self.api.request("GET", f"/version?{fence}")
        deadline = time.monotonic() + AUDIT_SECONDS
        while not any(fence in event.uri for event in audit.events_from(self.audit_log, offset)):
            if time.monotonic() > deadline:
                raise CommandFailed(f"the audit log {self.audit_log} does not show a request made just now")
            time.sleep(0.01)
