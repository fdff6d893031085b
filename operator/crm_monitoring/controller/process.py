"""The operator process: builds every part once, runs them, and ends them in the right order."""

import asyncio
import gc
import platform
import random
import signal
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from crm_monitoring import __version__
from crm_monitoring.cluster.budget import Budget
from crm_monitoring.cluster.connection import Connection
from crm_monitoring.cluster.kube import KubeCluster
from crm_monitoring.cluster.lease import Elector
from crm_monitoring.cluster.port import Cluster
from crm_monitoring.cluster.reflector import Pace, Reflector
from crm_monitoring.controller import kopf_shell, web
from crm_monitoring.controller.health import Health
from crm_monitoring.controller.lister import Lister
from crm_monitoring.controller.observer import PassObserver
from crm_monitoring.controller.scope import build_caches, definitions, reflectors
from crm_monitoring.controller.settings import Settings
from crm_monitoring.controller.supervisor import Supervisor
from crm_monitoring.controller.telemetry import ConditionCollector, Telemetry
from crm_monitoring.manifest import CRM_MONITORING, Manifest, key_of
from crm_monitoring.reconcile.announcements import Announcer
from crm_monitoring.reconcile.engine import Engine
from crm_monitoring.reconcile.merged_secrets import MergedSecrets
from crm_monitoring.reconcile.namespaces import Namespaces
from crm_monitoring.reconcile.queue import WorkQueue
from crm_monitoring.reconcile.resource_pass import ResourcePass
from crm_monitoring.reconcile.secret_reader import SecretReader
from crm_monitoring.reconcile.workload_pass import WorkloadPass

DRAIN_SECONDS = 0.8
"""How long a stopping operator lets passes finish that have begun."""


class Process:
    """One operator process. `run` is called once, in the main event loop."""

    def __init__(self, settings: Settings, logger: FilteringBoundLogger, rng: random.Random | None = None) -> None:
        self._settings = settings
        self._logger = logger
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._telemetry = Telemetry(CollectorRegistry())
        self._telemetry.build.labels(__version__, platform.python_version(), version("kopf")).set(1)
        self._caches = build_caches(settings.namespaces, settings.shard)
        self._queue = WorkQueue(time.monotonic, lambda: self._rng.uniform(0.8, 1.2))
        self._telemetry.queue_depth.set_function(lambda: self._queue.depth)
        self._telemetry.queue_age.set_function(lambda: self._queue.oldest_seconds)
        self._telemetry.registry.register(ConditionCollector(self._resources))
        self._lost = asyncio.Event()
        self._stopping = asyncio.Event()
        self._leading = asyncio.Event()

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT (exit code 0), or until the Lease is lost (exit code 1)."""
        settings, telemetry = self._settings, self._telemetry
        gc.freeze()  # what was imported stays: the garbage collector spent a tenth of the CPU time, most on that
        connection = Connection.load(settings.kubeconfig, context=settings.context)
        async with AsyncExitStack() as stack:
            lease_cluster = await stack.enter_async_context(
                KubeCluster(
                    connection,
                    may_write=lambda: True,
                    on_request=telemetry.requested,
                    timeout_seconds=settings.lease_timing.request,
                )
            )
            elector = self._elector(lease_cluster)
            cluster = await stack.enter_async_context(
                KubeCluster(
                    connection,
                    may_write=elector.is_leading if settings.leader_election else (lambda: not self._stopping.is_set()),
                    on_request=telemetry.requested,
                    budget=Budget(settings.max_requests_per_second),
                )
            )
            return await self._run_parts(connection, cluster, elector, stack)

    async def _run_parts(
        self, connection: Connection, cluster: Cluster, elector: Elector, stack: AsyncExitStack
    ) -> int:
        secrets = SecretReader(cluster, self._queue.add, self._spread, self._settings.poll_seconds)
        engine = self._engine(cluster, secrets)
        pace = Pace(relist=2 * self._settings.resync_seconds)
        watchers = reflectors(cluster, self._caches, self._telemetry, pace)
        listers: list[Lister] = []
        supervisor = self._supervisor(connection, listers)
        listers += self._listers(cluster, on_return=supervisor.restart)
        health = Health(self._caches, self._queue, supervisor, listers, self._leading.is_set)
        app = web.application(self._telemetry.registry, alive=health.alive, ready=health.ready)
        runner, port = await web.serve(app, self._settings.host, self._settings.port)
        stack.push_async_callback(runner.cleanup)
        self._logger.info(
            "Operator starting",
            event_name="operator_starting",
            version=__version__,
            port=port,
            namespaces=list(self._settings.namespaces) or "all",
            shard=str(self._settings.shard),
            identity=self._settings.identity,
        )
        background = [reflector.run() for reflector in watchers] + [lister.run() for lister in listers]
        if not self._settings.namespaces:  # a namespaced role cannot read definitions
            background.append(definitions(cluster, self._telemetry, pace, watchers, listers).run())
        with _signals(self._stopping.set):
            tasks = [self._task(coroutine) for coroutine in (*background, supervisor.run())]
            leader = self._task(self._lead(elector, engine, [*watchers, *listers]))
            ended = asyncio.create_task(_first(self._stopping.wait(), self._lost.wait()))
            await asyncio.wait({ended, leader, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            supervisor.stop()
            await self._stop(elector, leader, [ended, *tasks], secrets)
        crashed = next(
            (t.exception() for t in (leader, *tasks) if not t.cancelled() and t.done() and t.exception()), None
        )
        if crashed:
            raise crashed
        return 1 if self._lost.is_set() else 0

    async def _lead(self, elector: Elector, engine: Engine, parts: Sequence[Reflector | Lister]) -> None:
        """Stand by with warm caches, then work while leading."""
        await asyncio.gather(*(part.synced.wait() for part in parts))
        self._logger.info("Caches synced", event_name="caches_synced")
        if self._settings.leader_election:
            election = self._task(elector.run())
            await _first(self._leading.wait(), self._stopping.wait(), self._lost.wait())
            if not self._leading.is_set():
                await election
                return
        self._leading.set()
        self._telemetry.leader.set(1)
        self._logger.info("Leading", event_name="leading", identity=self._settings.identity)
        await engine.run(self._settings.workers)

    async def _stop(
        self, elector: Elector, leader: asyncio.Task[None], tasks: list[asyncio.Task[Any]], secrets: SecretReader
    ) -> None:
        """Let begun passes finish for a moment, give the Lease back, end the rest."""
        self._stopping.set()
        self._logger.info("Operator stopping", event_name="operator_stopping", lost_lease=self._lost.is_set())
        self._queue.close()
        if not self._lost.is_set():
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._queue.drained()
            except TimeoutError:
                self._logger.warning("Passes were cut short", event_name="passes_cut_short")
        leader.cancel()
        secrets.close()
        await asyncio.gather(leader, return_exceptions=True)
        if self._settings.leader_election:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await elector.release()
            except TimeoutError:
                self._logger.warning("The Lease could not be released", event_name="lease_not_released")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._telemetry.leader.set(0)

    def _elector(self, cluster: Cluster) -> Elector:
        settings = self._settings
        return Elector(
            cluster,
            settings.lease_namespace,
            settings.lease_name + settings.shard.lease_suffix,
            settings.identity,
            timing=settings.lease_timing,
            on_acquired=self._leading.set,
            on_lost=self._lost.set,
        )

    def _engine(self, cluster: Cluster, secrets: SecretReader) -> Engine:
        now = _utc_now
        announcer = Announcer(cluster, self._settings.identity, now, self._telemetry.events_failed.inc)
        merged = MergedSecrets(cluster, self._caches, self._queue.add, self._settings.poll_seconds)
        namespaces = Namespaces(cluster, self._caches, self._settings.namespaces, self._queue.add)
        workloads = WorkloadPass(cluster, self._caches, now, namespaces.is_terminating)
        resources = ResourcePass(
            cluster,
            self._caches,
            secrets=secrets,
            merged=merged,
            workloads=workloads,
            announcer=announcer,
            settings=self._settings.render,
            now=now,
            recheck_seconds=self._settings.poll_seconds,
        )
        return Engine(
            self._caches,
            self._queue,
            resources=resources,
            merged=merged,
            workloads=workloads,
            namespaces=namespaces,
            observer=PassObserver(self._telemetry, self._logger),
            clock=time.monotonic,
        )

    def _listers(self, cluster: Cluster, on_return: Callable[[], None]) -> list[Lister]:
        return [
            Lister(
                cluster,
                store,
                namespace,
                every_seconds=self._settings.resync_seconds,
                on_failure=lambda reason: self._telemetry.restarted(CRM_MONITORING, reason),
                # kopf looks for the kind when it starts.
                on_return=on_return,
            )
            for namespace, store in self._caches.scopes(CRM_MONITORING).items()
        ]

    def _supervisor(self, connection: Connection, listers: list[Lister]) -> Supervisor:
        loop = asyncio.get_running_loop()

        def on_resource(type_: str | None, body: Manifest) -> None:
            _call(loop, self._take, type_, body)

        def on_restart(reason: str) -> None:
            self._telemetry.kopf_restarts.labels(reason).inc()
            self._logger.warning("kopf ended and is started again", event_name="kopf_restarted", reason=reason)
            for lister in listers:
                lister.poke()

        def is_served() -> bool:
            return any(store.served for store in self._caches.scopes(CRM_MONITORING).values())

        watch = kopf_shell.Watch(connection, self._settings.namespaces, on_resource, is_served)
        return Supervisor(
            lambda stop, ready: kopf_shell.run_in_thread(watch, stop, ready),
            on_restart=on_restart,
            clock=time.monotonic,
        )

    def _take(self, type_: str | None, body: Manifest) -> None:
        """Take an event of kopf into the store of the resources. `kopf_shell` has made sure that it is about one."""
        key = key_of(body)
        store = self._caches.store(key.kind, key.namespace)
        if store is None:
            return
        if type_ == "DELETED":
            store.forget(body)
        elif type_ is None:
            store.put(body)  # of a list, which may be older than ours: what ours does not show is gone
        else:
            store.observe(body)

    def _resources(self) -> Iterator[Manifest]:
        for store in self._caches.scopes(CRM_MONITORING).values():
            yield from store

    def _spread(self) -> float:
        return self._rng.uniform(0.8, 1.2)

    def _task(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.create_task(coroutine)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    """Call a function in the main loop from kopf's thread, which may outlive it for a moment."""
    with suppress(RuntimeError):  # the main loop is closed
        loop.call_soon_threadsafe(function, *arguments)


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Return when the first of several waits ends; cancel the others."""
    tasks = {asyncio.create_task(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    wanted = (signal.SIGTERM, signal.SIGINT)
    for number in wanted:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
