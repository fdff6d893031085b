"""A few plain requests to the API server, where starting kubectl for each would be slow."""

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """A status code and the parsed body (the text itself when it is not JSON)."""

    status: int
    body: Any


@dataclass(frozen=True)
class ApiClient:
    """One user of one API server."""

    url: str
    token: str
    certificate_authority: Path

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        """Send one request. Raises `OSError` when the server cannot be reached."""
        connection = http.client.HTTPSConnection(
            urlsplit(self.url).netloc,
            timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(cafile=str(self.certificate_authority)),
        )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content_type}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return Answer(answer.status, _parsed(answer.read()))
        except http.client.HTTPException as problem:
            raise ConnectionError(str(problem)) from problem
        finally:
            connection.close()

    def is_ok(self, path: str) -> bool:
        """Say whether a GET is answered with 200; False too when the server cannot be reached."""
        try:
            return self.request("GET", path).status == http.client.OK
        except (OSError, ssl.SSLError):
            return False


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
