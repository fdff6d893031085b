"""What alerts are sent to: stand-ins for PagerDuty, Slack and webhooks on 127.0.0.1 that keep what they got."""

import json
import select
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from testbed.errors import ToolMissing

PAGERDUTY_SEVERITIES = ("critical", "error", "warning", "info")
"""All that PagerDuty's Events API v2 knows; its documentation promises status 400 for any other."""
PAGERDUTY_PATH = "/v2/enqueue"


@dataclass(frozen=True)
class Message:
    """One request, its body as JSON, and what became of it."""

    path: str
    body: Any
    status: int
    taken: bool
    """False: the sender was gone before the answer."""


@dataclass
class Endpoints:
    """The messages that came, by path, in the order in which they were answered."""

    delays: Mapping[str, float] = field(default_factory=dict)
    """Seconds until the answer, by path; at once for every other."""
    messages: list[Message] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, path: str) -> list[Message]:
        """Return what came to one path."""
        with self._lock:
            return [message for message in self.messages if message.path == path]

    def keep(self, message: Message) -> None:
        """Note a message."""
        with self._lock:
            self.messages.append(message)


def answer(path: str, body: Any) -> tuple[int, str]:
    """Return status and body of the answer to a message."""
    if path != PAGERDUTY_PATH:
        return 200, "ok"
    event = body.get("payload") or {}
    known = event.get("severity") in PAGERDUTY_SEVERITIES and event.get("summary") and event.get("source")
    if body.get("event_action") == "resolve" or known:
        return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]})
    return 400, json.dumps({"status": "invalid event", "message": "Event object is invalid"})


def _handler(endpoints: Endpoints) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            gone = self._sender_leaves_within(endpoints.delays.get(self.path, 0.0))
            status, content = answer(self.path, body)
            if not gone:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content.encode())
            endpoints.keep(Message(self.path, body, status, not gone))
            self.close_connection = gone

        def _sender_leaves_within(self, seconds: float) -> bool:
            # A client that waits for its answer sends nothing more, so all there can be to read is the end.
            return bool(seconds and select.select([self.connection], [], [], seconds)[0])

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


@contextmanager
def serving(endpoints: Endpoints, certificate: Path | None = None) -> Iterator[str]:
    """Serve the endpoints, over TLS when there is a certificate; give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoints))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(directory: Path) -> Path:
    """Return a new certificate for 127.0.0.1 with its key in one file; a client must be told to trust it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ToolMissing("openssl", "it is not on PATH", "install the package openssl")
    path, key = directory / "certificate.pem", directory / "key.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    done = subprocess.run([*command, "-keyout", key, "-out", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path.write_text(path.read_text() + key.read_text())
    return path


def settled(check: Callable[[], bool], within: float) -> bool:
    """Poll until a check is true; return whether it came to that."""
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
