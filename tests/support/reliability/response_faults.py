"""What an API server, or what stands before it, can answer instead of what it should; and actions that only faults need."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from support.fault_proxy_actions import Action, Broken, Delay, Exchange, Hang, Reply, Reset

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
DATE = "Wed, 21 Oct 2065 07:28:00 GMT"


@dataclass(frozen=True)
class CutShort:
    """Do what was asked, and answer with half of the body before the connection breaks. A stream breaks at once."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.asked.verb == "watch":
            raise Broken
        answer = await exchange.forward()
        body = answer.body if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else b""
        headers = {"Content-Type": "application/json"}
        return web.Response(status=answer.status, body=body[: len(body) // 2], headers=headers)


@dataclass(frozen=True)
class Mislabelled:
    """Do what was asked, and say that the answer is a page for people."""

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        answer = await exchange.forward()
        if isinstance(answer, web.Response):
            answer.headers["Content-Type"] = "text/html"
        return answer


@dataclass(frozen=True, slots=True)
class Fault:
    """What is answered, once or for a while, and how soon everything must be right again."""

    action: Action
    within: float = 20.0
    """Seconds from the fault on. A client that obeys a Retry-After or waits for a time-out needs these, too."""
    lasting: float = 0.0
    """For how many seconds it is answered again and again; 0: once."""

    until_left: bool = False
    """Whether it is over only when the operator gives the stream up and opens another."""

    @property
    def is_slow(self) -> bool:
        """Return whether most of the time is spent waiting: then several are done side by side."""
        return self.within > 30


_LONGEST_SECONDS = 60.0
"""The longest Retry-After that the operator obeys, and kopf's time-out of a request; that of other requests is 30 s."""

RESPONSES: Mapping[str, Fault] = {
    **{f"HTTP {code}": Fault(Reply(code)) for code in (400, 401, 403, 404, 409, 410, 413, 422, 500, 503, 504)},
    "HTTP 429": Fault(Reply(429)),
    "HTTP 429, Retry-After 0": Fault(Reply(429, headers={"Retry-After": "0"})),
    "HTTP 429, Retry-After 2": Fault(Reply(429, headers={"Retry-After": "2"})),
    "HTTP 429, Retry-After a date": Fault(Reply(429, headers={"Retry-After": DATE})),
    "HTTP 429, Retry-After 86400": Fault(Reply(429, headers={"Retry-After": "86400"}), within=_LONGEST_SECONDS + 35),
    "HTTP 502 with HTML": Fault(Reply(502, HTML)),
    "HTTP 504 after it was done": Fault(Reply(504, commit=True)),
    "garbage instead of JSON": Fault(Reply(200, b'\x00\xff{"kind": ')),
    "JSON of something else": Fault(Reply(200, ["nothing", "that", "was", "asked"])),
    "a body that ends in the middle": Fault(CutShort()),
    "an empty body": Fault(Reply(200, b"")),
    "the wrong content type": Fault(Mislabelled()),
    "a reset before it arrived": Fault(Reset()),
    "a reset after it was done": Fault(Reset(commit=True)),
    "a delay of 1 s": Fault(Delay(1.0)),
    "no answer at all": Fault(Hang(), within=_LONGEST_SECONDS + 35),
}
"""Each is answered once."""

LASTING_SECONDS = 3.0
LASTING: Mapping[str, Fault] = {
    f"{name}, for {LASTING_SECONDS:.0f} s": Fault(RESPONSES[name].action, within=30.0, lasting=LASTING_SECONDS)
    for name in ("HTTP 403", "HTTP 500", "a reset before it arrived")
}
