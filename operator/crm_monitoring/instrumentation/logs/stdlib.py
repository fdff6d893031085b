"""The standard library's loggers, and with them those of every dependency, write through the pipeline."""

import logging

from crm_monitoring.instrumentation.logs.pipeline import Pipeline

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""Attributes of every record, and a coloured duplicate of the message that uvicorn adds."""

_SELF_MADE = ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access", "hypercorn.error")
"""Loggers of servers that bring handlers of their own."""


class PipelineHandler(logging.Handler):
    """Hands records to the pipeline, what was passed as `extra` as fields."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._pipeline = pipeline

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a level below the pipeline's was set for this logger alone, so the record counts."""
        values = vars(record)
        fields = {name: values[name] for name in values if name not in _STANDARD}
        self._pipeline.record(record, fields)


def install(pipeline: Pipeline, level: int) -> PipelineHandler:
    """Let the root logger write through the pipeline, in place of a plain console handler.

    Handlers of other kinds (files, error trackers, test tools) stay. Servers that print by themselves stop doing so.
    """
    root = logging.getLogger()
    handler = PipelineHandler(pipeline)
    root.handlers[:] = [
        other
        for other in root.handlers
        if type(other) is not logging.StreamHandler and type(other) is not PipelineHandler
    ]
    root.addHandler(handler)
    root.setLevel(level)
    for name in _SELF_MADE:
        server = logging.getLogger(name)
        server.handlers[:] = [other for other in server.handlers if not isinstance(other, logging.StreamHandler)]
        server.propagate = True
    return handler
