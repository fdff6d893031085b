"""The service: health and metrics endpoints, switches for faults, and the engine in the background."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query

from crm_monitoring.instrumentation import (
    get_crm_logger,
    health_router,
    initialize_crm_monitoring,
    initialize_metrics,
    metrics_asgi_app,
)
from sample_crm import VERSION, faults
from sample_crm.channels import Agent, Channels
from sample_crm.engine import Engine
from sample_crm.faults import Faults
from sample_crm.model import CHANNELS, EMAIL, SMS, WHATSAPP
from sample_crm.providers import API_OF, Provider
from sample_crm.queue import Queue
from sample_crm.stores import Cache, Repository
from sample_crm.traffic import Traffic

logger = get_crm_logger(__name__, component="Service")

ENVIRONMENT = "sample"


@dataclass(frozen=True, slots=True)
class Service:
    """The parts that requests speak to."""

    broken: Faults
    channels: Channels
    queue: Queue
    traffic: Traffic


def application(per_second: float, seed: int = 1) -> FastAPI:
    """Set up monitoring as the environment says, and return the service. Raise SettingsError or OSError.

    A thread serves the metrics on CRM_METRICS_PORT, the port of the Service that Prometheus scrapes.
    """
    random = Random(seed)  # noqa: S311 - a simulation
    broken = Faults(random)
    channels = Channels(broken)
    cache = Cache(broken, random)
    checker = initialize_crm_monitoring(
        VERSION,
        ENVIRONMENT,
        email_agent=Agent(channels, EMAIL),
        messaging_agent=Agent(channels, SMS, WHATSAPP),
        repository=Repository(broken),
        cache_manager=cache,
        serve_metrics=True,
    )
    initialize_metrics(version=VERSION, environment=ENVIRONMENT, channels=CHANNELS)
    queue = Queue(broken)
    service = Service(broken, channels, queue, Traffic(queue, random, per_second))
    engine = Engine(queue, channels, {each: Provider(API_OF[each], broken, random) for each in CHANNELS}, cache)
    channels.report()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await checker.start()
        background = [asyncio.create_task(_watched(work)) for work in (engine.run(), service.traffic.run())]
        yield
        for task in background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await checker.stop()

    app = FastAPI(title="Sample CRM", version=VERSION, lifespan=lifespan)
    app.include_router(health_router(checker))
    app.mount("/metrics", metrics_asgi_app())
    _add_switches(app, service)
    return app


async def _watched(work: Awaitable[None]) -> None:
    """Do background work; what ends it for good is logged when it happens, not when the service ends."""
    try:
        await work
    except Exception:
        logger.system_issue(reason="background work ended", exc_info=True)
        raise


def _add_switches(app: FastAPI, service: Service) -> None:
    @app.get("/faults", summary="What can fail, and how much of it does now")
    async def read() -> dict[str, dict[str, object]]:
        shares = {name: service.broken.share(fault) for name, fault in faults.ALL.items()}
        return {
            name: {"on": share > 0, "share": share or faults.ALL[name].share, "effect": faults.ALL[name].effect}
            for name, share in shares.items()
        }

    @app.post("/faults/{name}", summary="Turn a fault on or off")
    async def switch(
        name: str, on: bool = True, share: Annotated[float | None, Query(gt=0, le=1)] = None
    ) -> dict[str, object]:
        fault = faults.ALL.get(name)
        if fault is None:
            raise HTTPException(404, f"there is no fault {name!r}; known: {', '.join(faults.ALL)}")
        if on:
            service.broken.turn_on(fault, share)
        else:
            service.broken.turn_off(fault)
        service.channels.report()
        await service.queue.wake()
        return {"name": name, "on": on, "share": service.broken.share(fault)}

    @app.post("/traffic", summary="Set the load in communications per second")
    async def rate(per_second: Annotated[float, Query(ge=0, le=500)]) -> dict[str, float]:
        service.traffic.per_second = per_second
        return {"per_second": per_second}
