"""How to reach the API server and who we are there: kubeconfig file or the pod's service account."""

import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_kube_config
from yarl import URL

# `kubernetes.client` loads its generated API classes on first use. Touching one costs a second of CPU and 80 MiB,
# so this file uses nothing of it but `Configuration`.
from crm_monitoring.errors import Problem, SettingsError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its token and the cluster's certificate authority."""

USER_AGENT = "crm-monitoring-operator"

_CONNECTIONS = 128
"""Most sockets of one session: requests are bounded far below by `KubeCluster`, watches hold one each."""

_IDLE_SECONDS = 30.0
"""How long an idle socket is kept; the API server closes its end after 90 s."""


class Credentials:
    """The Authorization header, read anew now and then: projected tokens rotate while the process runs."""

    def __init__(
        self,
        read: Callable[[], str | None],
        *,
        reload: Callable[[], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = 30.0,
    ) -> None:
        self._read = read
        self._reload = reload
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._value: str | None = None
        self._fresh_until = float("-inf")
        self._distrusted = False
        self._may_reload_at = float("-inf")

    def authorization(self) -> str | None:
        """Return the value of the Authorization header, or None when client certificates are all we have.

        The value is kept for `keep_seconds`. When it cannot be read again, the last one is used further. A kubeconfig
        that runs a command to get a token blocks while the command runs; a service account never blocks.
        """
        now = self._clock()
        if now >= self._fresh_until:
            self._fresh_until = now + self._keep_seconds
            try:
                if self._distrusted and self._reload and now >= self._may_reload_at:
                    self._may_reload_at = now + self._keep_seconds
                    self._reload()
                self._distrusted = False
                self._value = self._read() or self._value
            except (OSError, ValueError, ConfigException):
                self._fresh_until = now + 1.0
        return self._value

    def distrust(self) -> None:
        """Say that the API server answered 401: the next call reads the source from the start."""
        self._distrusted = True
        self._fresh_until = float("-inf")

    def __repr__(self) -> str:
        return "Credentials(***)"


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything needed to open sessions to one API server."""

    base_url: str
    credentials: Credentials
    ssl_context: ssl.SSLContext | None = None
    server_hostname: str | None = None
    proxy: str | None = None

    @classmethod
    def load(
        cls,
        kubeconfig: str | None = None,
        *,
        context: str | None = None,
        environ: Mapping[str, str] = os.environ,
        service_account: Path = SERVICE_ACCOUNT,
    ) -> "Connection":
        """Return the connection for a kubeconfig file, else $KUBECONFIG, else the pod, else ~/.kube/config.

        Raise SettingsError when none of them can be used.
        """
        path = kubeconfig or environ.get("KUBECONFIG")
        if path is None and environ.get("KUBERNETES_SERVICE_HOST"):
            return cls._in_cluster(environ, service_account)
        return cls._from_kubeconfig(path or "~/.kube/config", context)

    @classmethod
    def _in_cluster(cls, environ: Mapping[str, str], service_account: Path) -> "Connection":
        host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
        token = service_account / "token"

        def read() -> str:
            return "Bearer " + token.read_text(encoding="ascii").strip()

        credentials = Credentials(read)
        if credentials.authorization() is None:
            raise SettingsError([Problem("serviceAccount", "the token of the service account cannot be read")])
        return cls(
            base_url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
            credentials=credentials,
            ssl_context=_ssl_context(authority=str(service_account / "ca.crt")),
        )

    @classmethod
    def _from_kubeconfig(cls, path: str, context: str | None) -> "Connection":
        holder = [_configuration(path, context)]
        configuration = holder[0]

        def read() -> str | None:
            key: str | None = holder[0].get_api_key_with_prefix("BearerToken", "authorization")
            return key.strip() if key else None

        def reload() -> None:
            holder[0] = _configuration(path, context)

        secure = configuration.host.startswith("https")
        return cls(
            base_url=configuration.host.rstrip("/"),
            credentials=Credentials(read, reload=reload),
            ssl_context=_ssl_context(
                authority=configuration.ssl_ca_cert,
                certificate=configuration.cert_file,
                key=configuration.key_file,
                verify=configuration.verify_ssl,
            )
            if secure
            else None,
            server_hostname=configuration.tls_server_name,
            proxy=configuration.proxy,
        )

    def open_session(
        self, *, authorize: bool = False, response_class: type[aiohttp.ClientResponse] = aiohttp.ClientResponse
    ) -> aiohttp.ClientSession:
        """Open a session. Call it inside the event loop that will use it, and close it there.

        With `authorize` the session adds the Authorization header to each request by itself, read anew each time.
        """
        return aiohttp.ClientSession(
            response_class=response_class,
            middlewares=(self._authorize,) if authorize else (),
            connector=aiohttp.TCPConnector(
                ssl=self.ssl_context if self.ssl_context is not None else True,
                limit=_CONNECTIONS,
                keepalive_timeout=_IDLE_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT},
        )

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        authorization = self.credentials.authorization()
        # Called for each hop of a redirect, too, and where that leads to is not for us to trust.
        if authorization and request.url.origin() == URL(self.base_url).origin():
            request.headers["Authorization"] = authorization
        return await handler(request)


def _configuration(path: str, context: str | None) -> Any:
    """Load a kubeconfig file (or several, as $KUBECONFIG lists them); the reader is told no more than its path."""
    configuration = Configuration()
    problem = None
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=path, context=context, client_configuration=configuration, persist_config=False
        )
    except Exception:  # whatever PyYAML and friends raise, with lines of the file in it
        problem = Problem("kubeconfig", f"{path} cannot be used as a kubeconfig file")
    if problem:
        raise SettingsError([problem])
    return configuration


def _ssl_context(
    *, authority: str | None, certificate: str | None = None, key: str | None = None, verify: bool = True
) -> ssl.SSLContext:
    problem = None
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError):
        problem = Problem("kubeconfig", "the certificates for the API server cannot be read")
    if problem:
        raise SettingsError([problem])
    # Certificate authorities of clusters are often made without the key identifiers that this flag demands.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
