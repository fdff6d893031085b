"""Kept connections to the API server: the handshake of a new one for each request would be measured, too."""

import http.client
import json
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from testbed.controlplane import ControlPlane

Json = dict[str, Any]


class Line:
    """One connection for each thread that asks."""

    def __init__(self, plane: ControlPlane) -> None:
        self._address = urlsplit(plane.url).netloc
        self._context = ssl.create_default_context(cafile=str(plane.certificate_authority))
        self._token = plane.token()
        self._kept = threading.local()

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Json:
        """Send one request and return the body of the answer, raise RuntimeError when it is no success.

        A connection that the server closed meanwhile is made anew once.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        content = None if body is None else json.dumps(body)
        for last in (False, True):
            try:
                connection = self._connection()
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                decoded: Json = json.loads(answer.read())
            except (http.client.HTTPException, OSError):
                del self._kept.connection
                if last:
                    raise
                continue
            break
        if answer.status >= http.client.BAD_REQUEST and answer.status != http.client.CONFLICT:
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return decoded

    def _connection(self) -> http.client.HTTPSConnection:
        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPSConnection(self._address, context=self._context, timeout=60)
        connection: http.client.HTTPSConnection = self._kept.connection
        return connection
