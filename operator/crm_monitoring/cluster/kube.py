"""The cluster over HTTP: one request a method, no retry, and no exception but those of `errors`."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from crm_monitoring.cluster.address import accept_of, path_of
from crm_monitoring.cluster.answers import Absent, Call, Verb, error_of, nonsense, not_leading, silent, unreachable
from crm_monitoring.cluster.budget import Budget
from crm_monitoring.cluster.connection import Connection
from crm_monitoring.cluster.fence import Fenced
from crm_monitoring.cluster.port import FIELD_MANAGER, Page, WatchEvent
from crm_monitoring.cluster.stream import Lines, event_of
from crm_monitoring.errors import ClusterError
from crm_monitoring.manifest import CUSTOM_RESOURCE_DEFINITION, Kind, Manifest, ObjectKey, kind_of

_LIBRARY_ERRORS = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
"""What aiohttp raises. Their texts name addresses and quote what was received."""

_WRITES: Mapping[Verb, str] = {"create": "POST", "patch": "PATCH", "apply": "PATCH", "delete": "DELETE"}
_MANAGED = f"?fieldManager={FIELD_MANAGER}"
_STRICT = f"{_MANAGED}&fieldValidation=Strict"
_JSON, _APPLY = "application/json", "application/apply-patch+yaml"
_JSON_PATCH, _MERGE_PATCH = "application/json-patch+json", "application/merge-patch+json"
_DELETE_OPTIONS = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One finished request: for a watch, one accepted or refused stream.

    `outcome` is the HTTP code, or `Timeout`, `ConnectionError` or `Cancelled` when there was no answer.
    """

    verb: Verb
    kind: Kind
    outcome: str
    seconds: float


def _ignore(_: RequestRecord) -> None:
    pass


class KubeCluster:
    """`port.Cluster` over aiohttp. Use it as an async context manager; it owns its session.

    `may_write` is asked after any wait for a free slot, and again right before the first byte of a write leaves; the
    write raises NotLeading when it says no. `budget` bounds the requests per second, `concurrency` those under way,
    watches not counted. A request fails after `timeout_seconds`, and a stream raises Silent after `idle_seconds`
    without a byte. The API server sends bookmarks about once a minute, but none for a kind in which nothing has
    happened since it started. It ends a watch after one to two times `watch_seconds`.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        may_write: Callable[[], bool],
        on_request: Callable[[RequestRecord], None] = _ignore,
        budget: Budget | None = None,
        concurrency: int = 16,
        timeout_seconds: float = 30.0,
        watch_seconds: float = 240.0,
        idle_seconds: float = 70.0,
        rng: random.Random | None = None,
    ) -> None:
        self._connection = connection
        self._may_write = may_write
        self._on_request = on_request
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        self._pages = asyncio.Semaphore(2)  # a page takes megabytes, and every kind is listed at the start
        self._timeout_seconds = timeout_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._stream_timeout = aiohttp.ClientTimeout(total=None, sock_connect=timeout_seconds, sock_read=idle_seconds)
        self._watch_seconds = watch_seconds
        self._rng = rng or random.Random()  # noqa: S311 - spreads load
        self._session: aiohttp.ClientSession | None = None
        chosen = {"proxy": connection.proxy, "server_hostname": connection.server_hostname}
        self._options: dict[str, Any] = {name: value for name, value in chosen.items() if value}

    async def __aenter__(self) -> Self:
        self._session = self._connection.open_session()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()

    async def get(self, key: ObjectKey) -> Manifest | None:
        """See `port.Reader.get`."""
        call = Call("get", key.kind, key.namespace, key.name)
        try:
            return await self._object(call, path_of(call))
        except Absent:
            return None

    async def list(
        self,
        kind: Kind,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        limit: int = 500,
        continue_token: str | None = None,
    ) -> Page:
        """See `port.Reader.list`."""
        call = Call("list", kind, namespace, brief=kind == CUSTOM_RESOURCE_DEFINITION)
        query = {"limit": str(limit)}
        if label_selector:
            query["labelSelector"] = label_selector
        if continue_token:
            query["continue"] = continue_token
        async with self._pages:
            answer = await self._send(call, path_of(call), query=query)
        metadata, items = answer.get("metadata"), answer.get("items") or ()
        if not isinstance(metadata, dict) or not metadata.get("resourceVersion"):
            raise nonsense(call)
        api_version, name = kind.api_version, kind.name
        for item in items:  # a list of a built-in kind leaves them out
            item["apiVersion"], item["kind"] = api_version, name
        return Page(tuple(items), metadata["resourceVersion"], metadata.get("continue") or None)

    async def watch(
        self,
        kind: Kind,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
    ) -> AsyncGenerator[WatchEvent, None]:
        """See `port.Reader.watch`."""
        call = Call("watch", kind, namespace, brief=kind == CUSTOM_RESOURCE_DEFINITION)
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, int(self._watch_seconds * self._rng.uniform(1, 2)))),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        lines = Lines(call)
        if self._budget:
            await self._budget.spend()
        started = time.monotonic()
        outcome: str | None = "Cancelled"
        failure: ClusterError | None = None
        try:
            async with self._request(call, path_of(call), query=query, timeout=self._stream_timeout) as response:
                code, outcome = response.status, None
                self._record(call, str(code), started)
                if code != 200:
                    raise self._failure(call, response, await response.read())
                async for chunk in response.content.iter_any():
                    for line in lines.feed(chunk):
                        yield event_of(line, call)
            lines.end()
        except TimeoutError:
            outcome, failure = outcome and "Timeout", silent(call, None)
        except _LIBRARY_ERRORS:
            outcome, failure = outcome and "ConnectionError", unreachable(call)
        finally:
            if outcome:
                self._record(call, outcome, started)
        if failure:
            raise failure

    async def apply(
        self, manifest: Mapping[str, Any], *, force: bool, dry_run: bool = False, brief: bool = False
    ) -> Manifest:
        """See `port.Writer.apply`."""
        metadata = manifest["metadata"]
        call = Call("apply", kind_of(manifest), metadata["namespace"], metadata["name"], brief=brief)
        suffix = _STRICT + ("&force=true" if force else "") + ("&dryRun=All" if dry_run else "")
        return await self._object(call, path_of(call) + suffix, manifest, _APPLY)

    async def json_patch(self, key: ObjectKey, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """See `port.Writer.json_patch`."""
        call = Call("patch", key.kind, key.namespace, key.name, json_patch=True)
        return await self._object(call, path_of(call) + _MANAGED, list(operations), _JSON_PATCH)

    async def patch_status(
        self, key: ObjectKey, uid: str, status: Mapping[str, Any], *, resource_version: str | None = None
    ) -> Manifest:
        """See `port.Writer.patch_status`."""
        call = Call("patch", key.kind, key.namespace, key.name)
        metadata = {"uid": uid} if resource_version is None else {"uid": uid, "resourceVersion": resource_version}
        body = {"metadata": metadata, "status": status}
        return await self._object(call, f"{path_of(call)}/status{_STRICT}", body, _MERGE_PATCH)

    async def delete(self, key: ObjectKey, *, uid: str) -> None:
        """See `port.Writer.delete`. What the object owns is collected in the background."""
        call = Call("delete", key.kind, key.namespace, key.name)
        body = {**_DELETE_OPTIONS, "preconditions": {"uid": uid}}
        try:
            await self._send(call, path_of(call), body)
        except Absent:
            return

    async def create(self, manifest: Mapping[str, Any]) -> Manifest:
        """See `port.Writer.create`."""
        call = Call("create", kind_of(manifest), manifest["metadata"]["namespace"])
        return await self._object(call, path_of(call) + _STRICT, manifest)

    async def _object(self, call: Call, path: str, body: Any = None, content_type: str = _JSON) -> Manifest:
        answer = await self._send(call, path, body, content_type)
        if call.brief:
            answer |= {"apiVersion": call.kind.api_version, "kind": call.kind.name}
        if answer.get("kind") != call.kind.name or not isinstance(answer.get("metadata"), dict):
            raise nonsense(call)
        return answer

    async def _send(
        self,
        call: Call,
        path: str,
        body: Any = None,
        content_type: str = _JSON,
        query: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Do one request and return the decoded body of a success."""
        data = None if body is None else Fenced(orjson.dumps(body), self._may_write)
        failure: ClusterError | None = None
        answer: Any = None
        if self._budget:
            await self._budget.spend()
        async with self._slots:
            if call.verb in _WRITES and not self._may_write():
                raise not_leading(call)
            started = time.monotonic()
            outcome = "Cancelled"
            try:
                async with self._request(call, path, data=data, content_type=content_type, query=query) as response:
                    payload = await response.read()
                    outcome = str(response.status)
                    if 200 <= response.status < 300:
                        answer = orjson.loads(payload)
                    else:
                        failure = self._failure(call, response, payload)
            except TimeoutError:
                outcome = "Timeout"
                failure = silent(call, self._timeout_seconds)
            except orjson.JSONDecodeError:
                failure = nonsense(call)
            except _LIBRARY_ERRORS:
                outcome = "ConnectionError"
                failure = not_leading(call) if data is not None and data.withheld else unreachable(call)
            finally:
                self._record(call, outcome, started)
        if failure is not None:
            raise failure
        if not isinstance(answer, dict):
            raise nonsense(call)
        return answer

    def _request(
        self,
        call: Call,
        path: str,
        *,
        data: Fenced | None = None,
        content_type: str = _JSON,
        query: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout | None = None,
    ) -> Any:
        assert self._session is not None, "used outside of `async with`"
        url = URL(self._connection.base_url + path, encoded=True)
        headers = {"Accept": accept_of(call)}
        if data is not None:
            headers["Content-Type"] = content_type
        authorization = self._connection.credentials.authorization()
        if authorization:
            headers["Authorization"] = authorization
        return self._session.request(
            _WRITES.get(call.verb, "GET"),
            url.with_query(query) if query else url,
            data=data,
            headers=headers,
            timeout=timeout or self._timeout,
            allow_redirects=False,
            **self._options,
        )

    def _failure(self, call: Call, response: aiohttp.ClientResponse, payload: bytes) -> ClusterError:
        if response.status == 401:
            self._connection.credentials.distrust()
        try:
            status = orjson.loads(payload)
        except ValueError:
            status = None
        return error_of(response.status, status, response.headers.get("Retry-After"), call)

    def _record(self, call: Call, outcome: str, started: float) -> None:
        self._on_request(RequestRecord(call.verb, call.kind, outcome, time.monotonic() - started))
