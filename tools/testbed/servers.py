"""The command lines of etcd, kube-apiserver and kube-controller-manager, and the files that they need."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed import audit, binaries
from testbed.errors import CommandFailed, ToolMissing
from testbed.processes import ChildProcess, ReservedPort

SERVICE_RANGE = "10.96.0.0/16"
ISSUER = "https://kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class Files:
    """Where everything of one control plane is."""

    root: Path

    @property
    def certificates(self) -> Path:
        """The directory in which the API server finds or makes its own certificate."""
        return self.root / "certificates"

    @property
    def certificate_authority(self) -> Path:
        """What a client must trust: the API server's certificate file holds its authority, too."""
        return self.certificates / "apiserver.crt"

    @property
    def service_account_key(self) -> Path:
        """The key that signs service account tokens."""
        return self.root / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The table of static tokens."""
        return self.root / "tokens.csv"

    @property
    def audit_policy(self) -> Path:
        """What the API server writes into its audit log."""
        return self.root / "audit-policy.yaml"

    @property
    def audit_log(self) -> Path:
        """One JSON object per line and request."""
        return self.root / "audit.log"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.root / f"{name}.log"

    def write(self, users: Mapping[str, tuple[str, str]]) -> None:
        """Write all files before the first start. `users`: name to (token, groups)."""
        rows = (f'{token},{name},{name},"{groups}"\n' for name, (token, groups) in users.items())
        self.tokens.write_text("".join(rows))
        self.tokens.chmod(0o600)
        self.audit_policy.write_text(audit.POLICY)
        _generate_key(self.service_account_key)


def etcd(files: Files, client_port: ReservedPort, peer_port: ReservedPort) -> ChildProcess:
    """Describe an etcd with one member that trusts the memory of this machine."""
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    command: list[str | Path] = [
        binaries.find("etcd"),
        f"--data-dir={files.root / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--heartbeat-interval=50",
        "--election-timeout=500",
        "--log-level=warn",
    ]
    return ChildProcess("etcd", command, log=files.log("etcd"))


def apiserver(
    files: Files, port: ReservedPort, etcd_port: ReservedPort, feature_gates: Mapping[str, bool]
) -> ChildProcess:
    """Describe a kube-apiserver with RBAC, static tokens and a complete audit log."""
    command: list[str | Path] = [
        binaries.find("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={files.certificates}",
        "--endpoint-reconciler-type=none",  # endpoints refuse a loopback address
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={files.service_account_key}",
        f"--service-account-signing-key-file={files.service_account_key}",
        f"--token-auth-file={files.tokens}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        f"--audit-log-path={files.audit_log}",
        f"--audit-policy-file={files.audit_policy}",
        "--audit-log-maxsize=4096",  # megabytes: no rotation, so that an offset stays good
        "--profiling=false",
        *_gates(feature_gates),
    ]
    return ChildProcess("kube-apiserver", command, log=files.log("kube-apiserver"))


def controller_manager(
    files: Files, kubeconfig: Path, port: ReservedPort, feature_gates: Mapping[str, bool]
) -> ChildProcess:
    """Describe a kube-controller-manager with all its usual controllers, garbage collection among them."""
    command: list[str | Path] = [
        binaries.find("kube-controller-manager"),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={files.root / 'controller-manager'}",
        f"--service-account-private-key-file={files.service_account_key}",
        f"--root-ca-file={files.certificate_authority}",
        "--leader-elect=false",
        "--profiling=false",
        *_gates(feature_gates),
    ]
    return ChildProcess("kube-controller-manager", command, log=files.log("kube-controller-manager"))


def _gates(chosen: Mapping[str, bool]) -> list[str]:
    if not chosen:
        return []
    return ["--feature-gates=" + ",".join(f"{gate}={str(on).lower()}" for gate, on in chosen.items())]


def _generate_key(path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ToolMissing("openssl", "it is not on PATH", "install the package openssl")
    command = [openssl, "genrsa", "-out", str(path), "2048"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"openssl genrsa failed: {done.stderr}")
