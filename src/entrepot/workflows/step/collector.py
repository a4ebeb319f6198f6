"""An OpenTelemetry collector, told over OTLP/HTTP what the standard environment variables ask for."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from .traces import Span, Traces

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def traces_of(env: Mapping[str, str], *, process: str) -> Traces:
    """Traces to the collector that this process's environment names; where it names none, nothing is even loaded.

    All else (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_BSP_SCHEDULE_DELAY, …) OpenTelemetry reads itself.
    """
    if not any(env.get(name) for name in ENDPOINTS) or env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Traces()
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
    from opentelemetry.sdk.trace.sampling import Decision
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        SpanContext,
        Status,
        StatusCode,
        TraceFlags,
        set_span_in_context,
    )

    class Given(RandomIdGenerator):
        """Ids that the span brings itself."""

        def __init__(self) -> None:
            self.next = threading.local()

        def generate_span_id(self) -> int:
            return int(self.next.span.id)

        def generate_trace_id(self) -> int:
            return int(self.next.span.trace)

    given = Given()
    named = {} if env.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"entrepot-{process}"}
    provider = TracerProvider(resource=Resource.create(named), id_generator=given, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer, root = provider.get_tracer("entrepot"), Context()

    def context_of(trace: int, span: int) -> SpanContext:
        decision = provider.sampler.should_sample(root, trace, "").decision  # the same for the whole trace
        flags = TraceFlags(TraceFlags.DEFAULT if decision is Decision.DROP else TraceFlags.SAMPLED)
        return SpanContext(trace, span, is_remote=True, trace_flags=flags)

    def tell(span: Span) -> None:
        given.next.span = span
        context = set_span_in_context(NonRecordingSpan(context_of(span.trace, span.parent)), root)
        links = [Link(context_of(*span.linked))] if span.linked else []
        attributes = dict(span.attributes)
        made = tracer.start_span(
            span.name, context if span.parent else root, attributes=attributes, links=links, start_time=span.began_ns
        )
        if span.is_failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(span.ended_ns)

    return Traces(tell, provider.shutdown)
