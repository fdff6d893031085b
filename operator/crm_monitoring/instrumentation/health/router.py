"""The three health endpoints as a FastAPI router. Importing this module needs FastAPI."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response

from crm_monitoring.contract.health import HEALTH_PATH, LIVENESS_PATH, READINESS_PATH
from crm_monitoring.instrumentation.health.app import answer
from crm_monitoring.instrumentation.health.checker import HealthChecker


def health_router(checker: HealthChecker | None = None) -> APIRouter:
    """Return a router for `app.include_router`. Without `checker` it uses the one of the process when it is asked."""
    router = APIRouter(tags=["health"])

    for path, summary in (
        (HEALTH_PATH, "Health of the CRM and of its components"),
        (READINESS_PATH, "Whether the CRM can take traffic"),
        (LIVENESS_PATH, "Whether the process answers"),
    ):
        respond = _endpoint(path, checker)
        router.add_api_route(path, respond, methods=["GET"], summary=summary, name=path.rpartition("/")[2])
        router.add_api_route(path, respond, methods=["HEAD"], include_in_schema=False)
    return router


def _endpoint(path: str, checker: HealthChecker | None) -> Callable[..., Awaitable[Response]]:
    async def respond(include_details: bool = True) -> Response:
        status, body = await answer(path, checker, include_details)
        return Response(body, status, {"cache-control": "no-store"}, "application/json")

    return respond
