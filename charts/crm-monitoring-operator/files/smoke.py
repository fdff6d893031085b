"""What `helm test` runs: the operator answers, the kind is served, good resources are taken and wrong ones refused."""

# ruff: noqa: S310, T201 - the chart gives the addresses, and people read the output
import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path

OPERATOR, API, ACCOUNT = sys.argv[1], sys.argv[2], Path(sys.argv[3])
TIMEOUT_SECONDS = 10


def ask(url, body=None):
    """Return the code and the text of an answer."""
    token = (ACCOUNT / "token").read_text().strip()
    context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} if url.startswith(API) else {}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def resource(**spec):
    """Return a CRMMonitoring."""
    metadata = {"name": "helm-test"}
    return {"apiVersion": "monitoring.crm.io/v1alpha1", "kind": "CRMMonitoring", "metadata": metadata, "spec": spec}


group = f"{API}/apis/monitoring.crm.io/v1alpha1"
namespace = (ACCOUNT / "namespace").read_text().strip()
create = f"{group}/namespaces/{namespace}/crmmonitorings?dryRun=All&fieldValidation=Strict"
checks = {
    "the operator is alive": (200, f"{OPERATOR}/healthz", None),
    "the operator is ready": (200, f"{OPERATOR}/readyz", None),
    "the kind CRMMonitoring is served": (200, group, None),
    "a resource is accepted": (201, create, resource(target={"name": "crm-api"})),
    "a wrong resource is refused": (422, create, resource(target={"name": "crm-api", "kind": "Job"})),
}
failed = 0
for sentence, (expected, url, body) in checks.items():
    code, text = ask(url, body)
    good = code == expected
    failed += not good
    print(
        f"{'ok    ' if good else 'FAILED'} {sentence}"
        + ("" if good else f": {url} gave {code}, not {expected}: {text[:300]}")
    )
sys.exit(1 if failed else 0)
