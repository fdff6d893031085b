"""The merged Secrets that resources left: each may hold a share until it was merged without it."""

from collections.abc import Collection, Mapping

from crm_monitoring.manifest import ObjectKey
from crm_monitoring.reconcile.shares import Verdict


class LeftSecrets:
    """Which resource left which Secrets, and what became of that; None while nothing did."""

    def __init__(self) -> None:
        self._left: dict[ObjectKey, dict[ObjectKey, Verdict | None]] = {}

    def of(self, resource: ObjectKey) -> Mapping[ObjectKey, Verdict | None]:
        """Return the Secrets that a resource left, each with the last verdict on leaving it."""
        return self._left.get(resource, {})

    def by(self, secret: ObjectKey) -> list[ObjectKey]:
        """Return the resources that left a Secret."""
        return [resource for resource, secrets in self._left.items() if secret in secrets]

    def leave(self, resource: ObjectKey, secrets: Collection[ObjectKey]) -> None:
        """Have a resource leave these Secrets and no others; nothing is known of any of them yet."""
        self._left.pop(resource, None)
        if secrets:
            self._left[resource] = dict.fromkeys(secrets)

    def judge(self, resource: ObjectKey, secret: ObjectKey, verdict: Verdict) -> bool:
        """Take note of a verdict; return whether it is news."""
        secrets = self._left.get(resource, {})
        news = secret in secrets and secrets[secret] != verdict
        if news:
            secrets[secret] = verdict
        return news

    def settle(self, resource: ObjectKey, secret: ObjectKey) -> bool:
        """Take note that a Secret was merged without the resource; return whether it had been waiting for that."""
        secrets = self._left.get(resource, {})
        waited = secret in secrets
        if waited:
            del secrets[secret]
        if not secrets:
            self._left.pop(resource, None)
        return waited
