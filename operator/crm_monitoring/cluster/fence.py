"""The body of a write, which leaves only as long as this replica may write.

Between the decision to write and the first byte a connection may have to be made, and other tasks have their turn. A
process that is stopped there, and goes on when another replica leads, would write what it decided long ago.
"""

from collections.abc import Callable
from typing import Any

import aiohttp

from crm_monitoring.errors import NotLeading


class Fenced(aiohttp.BytesPayload):
    """Bytes that ask `may_write` right before they are written. aiohttp sends the headers together with them."""

    def __init__(self, value: bytes, may_write: Callable[[], bool]) -> None:
        super().__init__(value)
        self.withheld = False
        """Whether nothing was sent because of the answer."""
        self._may_write = may_write

    async def write(self, writer: Any) -> None:
        """Write the bytes, or raise NotLeading, of which aiohttp makes a ClientConnectionError."""
        self._ask()
        await super().write(writer)

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:
        """As `write`."""
        self._ask()
        await super().write_with_length(writer, content_length)

    def _ask(self) -> None:
        if not self._may_write():
            self.withheld = True
            raise NotLeading("this replica does not lead and must not write")
