"""A small OTLP/HTTP receiver on loopback: what an OpenTelemetry collector would be sent, decoded."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Told:
    """One span as it arrived; ids in hex, "" for no parent."""

    service: str
    trace: str
    id: str
    parent: str
    name: str
    began_ns: int
    ended_ns: int
    is_failed: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]
    links: tuple[tuple[str, str], ...]


@dataclass
class Receiver:
    """Where spans are sent, and those that came."""

    url: str
    told: list[Told]
    requests: list[str]

    def trace(self, trace: int) -> list[Told]:
        """The spans of one trace, in the order of their beginning."""
        return sorted((one for one in self.told if one.trace == f"{trace:032x}"), key=lambda one: one.began_ns)


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _decoded(raw: bytes) -> Iterator[Told]:
    for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
        about = {one.key: _value(one.value) for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Told(
                    service=about["service.name"],
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    name=span.name,
                    began_ns=span.start_time_unix_nano,
                    ended_ns=span.end_time_unix_nano,
                    is_failed=span.status.code == 2,
                    attributes={one.key: _value(one.value) for one in span.attributes},
                    resource=about,
                    links=tuple((one.trace_id.hex(), one.span_id.hex()) for one in span.links),
                )


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, until the end of the block."""
    told: list[Told] = []
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append(self.path)
            told.extend(_decoded(gzip.decompress(raw) if self.headers.get("Content-Encoding") == "gzip" else raw))
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}", told, requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
