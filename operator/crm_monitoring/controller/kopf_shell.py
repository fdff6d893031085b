"""kopf, and nothing else: it watches resources, and hands what it sees to the main loop.

kopf gets storages that store nothing. It has no create, update, resume or delete handler here, so it needs neither its
annotations nor its finalizer, and comparing every event with them would cost five times the event itself.
"""

import asyncio
import logging
import random
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import kopf
from aiohttp.hdrs import RETRY_AFTER
from multidict import CIMultiDict, CIMultiDictProxy

from crm_monitoring.cluster.answers import patience
from crm_monitoring.cluster.connection import Connection
from crm_monitoring.manifest import CRM_MONITORING

_LOG = logging.getLogger("kopf.loop")

BLIND_SECONDS = 8.0
"""How long kopf may run without asking for resources although their kind is served. Its own attempts take that long."""

CLOSING_SECONDS = 2.0
"""How long kopf's tasks may take to close their connections."""

Event = tuple[str | None, dict[str, Any]]
"""kopf's event type (None while listing) and the object."""


class Answer(aiohttp.ClientResponse):
    """An answer for kopf, which would sleep as long as a Retry-After says and die of one that is a date."""

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers, with a Retry-After that the rest of the operator would obey, too, or none."""
        headers = CIMultiDict(super().headers)
        said = patience(headers.pop(RETRY_AFTER, None), {})
        if said is not None:
            headers[RETRY_AFTER] = f"{said:.0f}"
        return CIMultiDictProxy(headers)


class Blind(Exception):
    """kopf runs, and watches nothing: when it looked for kinds it was told that ours is not there, which is not true."""


def answers(seen: threading.Event) -> type[Answer]:
    """Return a class of answers that set a flag once kopf asks for resources."""

    class Noticed(Answer):
        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            if self.url.path.endswith(f"/{CRM_MONITORING.plural}"):
                seen.set()
            return await super().start(connection)

    return Noticed


class NothingStored(kopf.ProgressStorage):
    """Progress of handlers: there are none that make any."""

    def fetch(self, **_: Any) -> None:
        """Find nothing."""

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Purge nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Leave the essence as it is."""
        return essence


class NothingCompared(kopf.DiffBaseStorage):
    """Last handled states: nobody asks for differences."""

    def build(self, **_: Any) -> Any:
        """Return an empty essence without copying the object."""
        return {}

    def fetch(self, **_: Any) -> Any:
        """Return an empty last state, so that there is never a difference."""
        return {}

    def store(self, **_: Any) -> None:
        """Store nothing."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What kopf watches and whom it tells. The callback is called in kopf's thread."""

    connection: Connection
    namespaces: Collection[str]
    """Empty: the whole cluster."""
    on_resource: Callable[[str | None, dict[str, Any]], None]
    is_served: Callable[[], bool] = lambda: False
    """Whether the kind of the resources is served, as far as is known without kopf. Called in kopf's thread."""
    blind_seconds: float = BLIND_SECONDS


def registry(
    watch: Watch, sessions: list[aiohttp.ClientSession], response_class: type[Answer] = Answer
) -> kopf.OperatorRegistry:
    """Return the handlers, in a registry of their own. Sessions that they open are added to `sessions`, to be closed."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def login(**_: Any) -> kopf.AiohttpSession:
        # kopf logs in at its start and after a 401; the token itself is read anew for each request.
        watch.connection.credentials.distrust()
        session = watch.connection.open_session(authorize=True, response_class=response_class)
        sessions.append(session)
        return kopf.AiohttpSession(server=watch.connection.base_url, aiohttp_session=session)

    @kopf.on.event(CRM_MONITORING.group, CRM_MONITORING.version, CRM_MONITORING.plural, registry=handlers)
    async def resource(event: kopf.RawEvent, **_: Any) -> None:
        body = dict(event["object"])
        if _is_resource(body):
            watch.on_resource(event["type"], body)

    return handlers


def _is_resource(body: Mapping[str, Any]) -> bool:
    """Return whether an object of a stream is what it should be. A proxy may put anything there."""
    metadata = body.get("metadata")
    kind = (body.get("apiVersion"), body.get("kind")) == (CRM_MONITORING.api_version, CRM_MONITORING.name)
    named = isinstance(metadata, Mapping) and all(metadata.get(part) for part in ("namespace", "name", "uid"))
    return kind and named


def settings(watch: Watch) -> kopf.OperatorSettings:
    """Return kopf's settings: no posting, short and jittered retries, bounded waits."""
    chosen = kopf.OperatorSettings()
    chosen.persistence.progress_storage = NothingStored()
    chosen.persistence.diffbase_storage = NothingCompared()
    chosen.posting.enabled = False
    chosen.process.ultimate_exiting_timeout = None
    chosen.queueing.exit_timeout = 0.5
    # It would hold every CustomResourceDefinition whole, some of a megabyte. Who notices that ours comes starts kopf anew.
    chosen.scanning.disabled = True
    chosen.watching.chunk_size = 50  # a page is decoded as a whole
    chosen.watching.connect_timeout = 10
    chosen.networking.request_timeout = 60
    chosen.networking.enforce_retry_after = True
    chosen.networking.error_backoffs = [random.uniform(0.5, 1.5) * wait for wait in (0.5, 1, 2, 4)]  # noqa: S311
    return chosen


def _tell(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in one line that a callback or forgotten task in kopf's loop failed. What matters for us ends a task of kopf.

    kopf's own callback for a watch that waits for its first byte, while the kind goes away, always fails: it looks for
    the current task, and a callback has none. The watch then ends by itself.
    """
    _LOG.warning("A callback or task in kopf's loop failed with %s.", type(context.get("exception")).__name__)


async def run(watch: Watch, stop: threading.Event, ready: threading.Event) -> None:
    """Run kopf in the current event loop, which must be its own, until `stop` is set; raise what ended it before that.

    `stop` is set in any case at the end: a thread waits for it, and the loop cannot be closed while it does.
    """
    sessions: list[aiohttp.ClientSession] = []
    seen = threading.Event()
    asyncio.get_running_loop().set_exception_handler(_tell)
    stopped = asyncio.get_running_loop().run_in_executor(None, stop.wait)
    try:
        # kopf.operator() would wait five seconds for its watchers when one of them failed, and for ever for a stop flag.
        roots = await kopf.spawn_tasks(
            registry=registry(watch, sessions, answers(seen)),
            settings=settings(watch),
            standalone=True,
            clusterwide=not watch.namespaces,
            namespaces=sorted(watch.namespaces),
            ready_flag=ready,
        )
        blind = asyncio.create_task(_until_blind(watch, seen))
        done, _ = await asyncio.wait({*roots, stopped, blind}, return_when=asyncio.FIRST_COMPLETED)
        ended = asyncio.all_tasks() - {asyncio.current_task()}
        for task in ended:
            task.cancel()
        await asyncio.wait(ended, timeout=CLOSING_SECONDS)
        for failed in done:
            failed.result()
    finally:
        stop.set()
        for session in sessions:
            await session.close()


async def _until_blind(watch: Watch, seen: threading.Event) -> None:
    """Raise Blind once kopf has not asked for resources for long. Never return."""
    while True:
        await asyncio.sleep(watch.blind_seconds)
        if watch.is_served() and not seen.is_set():
            raise Blind


def run_in_thread(watch: Watch, stop: threading.Event, ready: threading.Event) -> None:
    """Run kopf in an event loop of its own, in the calling thread.

    On a shared loop kopf would cancel every task started after its own when it ends, and replace signal handlers.
    """
    asyncio.run(run(watch, stop, ready))
