"""An operator's inside over a cluster in memory: reflectors, caches, queue, engine; no kopf, no network."""

import asyncio
import random
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from crm_monitoring.cluster.fake import FakeCluster
from crm_monitoring.cluster.reflector import Pace, Reflector
from crm_monitoring.controller.scope import build_caches
from crm_monitoring.manifest import (
    ALERTMANAGER,
    CHILD_KINDS,
    CRM_MONITORING,
    EVENT,
    PROMETHEUS_RULE,
)
from crm_monitoring.reconcile.announcements import Announcer
from crm_monitoring.reconcile.engine import Engine
from crm_monitoring.reconcile.merged_secrets import MergedSecrets
from crm_monitoring.reconcile.namespaces import Namespaces
from crm_monitoring.reconcile.queue import WorkQueue
from crm_monitoring.reconcile.resource_pass import ResourcePass
from crm_monitoring.reconcile.secret_reader import SecretReader
from crm_monitoring.reconcile.status import ready_of
from crm_monitoring.reconcile.workload_pass import WorkloadPass
from crm_monitoring.render.names import CHILD_SELECTOR
from crm_monitoring.render.settings import RenderSettings

PACE = Pace(first_backoff=0.01, longest_backoff=0.05, poll_missing=0.02)
STOCK = "crm-crm-stock"
"""The child that tests look at."""


def deployment(name="crm-api", **container):
    ports = [{"name": "metrics", "containerPort": 8000}, {"name": "http", "containerPort": 8080}]
    pods = {"containers": [{"name": "api", "image": "crm:1", "ports": ports, **container}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": pods}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "crm"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    }


def service(name="crm-api"):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "crm", "labels": {"app": name}},
        "spec": {"selector": {"app": name}, "ports": [{"name": "metrics", "port": 8000}]},
    }


def alertmanager():
    return {
        "apiVersion": ALERTMANAGER.api_version,
        "kind": ALERTMANAGER.name,
        "metadata": {"name": "crm", "namespace": "crm"},
        "spec": {},
    }


def slack_secret(url="aHR0cHM6Ly9ob29rcy5zbGFjay5jb20vc2VydmljZXMvVDAvQjAvb25l"):
    metadata = {"name": "crm-alerting", "namespace": "crm"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"slack-webhook-url": url}}


class Seen:
    def __init__(self):
        self.passed_keys = []
        self.failures = []

    def passed(self, key, result, seconds):
        self.passed_keys.append(key)

    def failed(self, key, error, seconds, retry_seconds):
        self.failures.append((key.name, type(error).__name__, retry_seconds))


class World:
    """An operator's inside over a cluster in memory."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.caches = build_caches(())
        self.queue = WorkQueue(time.monotonic, lambda: 1.0)
        self.seen = Seen()
        secrets = SecretReader(cluster, self.queue.add, lambda: 1.0)
        merged = MergedSecrets(cluster, self.caches, self.queue.add)
        self.namespaces = Namespaces(cluster, self.caches, (), self.queue.add)
        workloads = WorkloadPass(cluster, self.caches, self.now, self.namespaces.is_terminating)
        passes = ResourcePass(
            cluster,
            self.caches,
            secrets=secrets,
            merged=merged,
            workloads=workloads,
            announcer=Announcer(cluster, "test", self.now, lambda: None),
            settings=RenderSettings(),
            now=self.now,
        )
        self.engine = Engine(
            self.caches,
            self.queue,
            resources=passes,
            merged=merged,
            workloads=workloads,
            namespaces=self.namespaces,
            observer=self.seen,
            clock=time.monotonic,
        )
        self.reflectors = [
            Reflector(cluster, store, label_selector=_selector(store.kind), pace=PACE, rng=random.Random(1))
            for store in self.caches.stores()
        ]

    def now(self):
        return datetime(2024, 1, 1, tzinfo=UTC)

    def child(self, name=STOCK, kind=PROMETHEUS_RULE):
        return next((body for body in self.cluster.objects(kind) if body["metadata"]["name"] == name), None)

    def body(self, name="crm"):
        return next(body for body in self.cluster.objects(CRM_MONITORING) if body["metadata"]["name"] == name)

    def ready(self, name="crm"):
        return ready_of(self.body(name).get("status") or {}).get("status")

    def writes(self, *, since=0):
        return [write for write in self.cluster.writes[since:] if write.key.kind != EVENT]

    async def rest(self):
        """Wait until nothing has been waiting or under way for some turns of the loop."""
        calm = 0
        while calm < 100:
            await asyncio.sleep(0)
            calm = calm + 1 if self.queue.idle else 0

    def edit(self, change, name="crm"):
        body = self.body(name)
        self.cluster.put({**body, "spec": {**body["spec"], **change}}, manager="kubectl-edit")


def _selector(kind):
    return CHILD_SELECTOR if kind in CHILD_KINDS else ""


@asynccontextmanager
async def running(*manifests, unserved=()):
    cluster = FakeCluster(*manifests)
    for kind in unserved:
        cluster.unserve(kind)
    world = World(cluster)
    tasks = [asyncio.create_task(reflector.run()) for reflector in world.reflectors]
    await asyncio.gather(*(reflector.synced.wait() for reflector in world.reflectors))
    tasks.append(asyncio.create_task(world.engine.run(4)))
    try:
        async with asyncio.timeout(20):
            await world.rest()
            yield world
        assert not any(task.done() for task in tasks)
    finally:
        world.queue.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
