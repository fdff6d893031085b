"""Reads that are answered from the past: a cache of an API server that lags, or one that was asked before its time."""

from dataclasses import dataclass, field

from aiohttp import web

from support.fault_proxy_actions import Exchange
from support.fault_proxy_requests import Asked

_Question = tuple[str, str, str, str]


@dataclass
class Past:
    """Remembers answers until `frozen`, passes on until `replaying`, then gives each question its remembered answer."""

    frozen: bool = False
    replaying: bool = False
    replayed: int = 0
    remembered: dict[_Question, tuple[int, bytes]] = field(default_factory=dict)

    async def play(self, exchange: Exchange) -> web.StreamResponse:
        question = _question(exchange.asked)
        if self.replaying and question in self.remembered:
            self.replayed += 1
            code, body = self.remembered[question]
            return web.Response(status=code, body=body, content_type="application/json")
        answer = await exchange.forward()
        if not self.frozen and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            self.remembered[question] = answer.status, answer.body
        return answer


def _question(asked: Asked) -> _Question:
    return asked.verb, asked.resource, asked.namespace, asked.name
