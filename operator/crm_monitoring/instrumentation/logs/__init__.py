"""The parts of the log: logger, pipeline, rendering, files. Callers use `logging_config`."""
