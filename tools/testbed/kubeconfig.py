"""Write kubeconfig files."""

import json
from pathlib import Path


def write(path: Path, *, server: str, certificate_authority: Path, user: str, token: str) -> Path:
    """Write a kubeconfig for one user of one server. It is JSON, which is YAML as well."""
    cluster = {"server": server, "certificate-authority": str(certificate_authority)}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user}}],
        "current-context": "testbed",
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    path.chmod(0o600)
    return path
