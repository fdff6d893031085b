"""The process: kopf, settings, supervision, telemetry."""
