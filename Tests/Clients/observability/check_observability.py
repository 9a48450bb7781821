"""What Prometheus' own parser makes of /metrics, and OpenTelemetry's own messages of the spans that the gateway exports.

usage: check_observability.py BUILD_FOLDER

Starts `agentshield serve` with a scripted provider behind it and a collector of its own; prints "ok NAME" or "not ok NAME" for each check.
"""

import asyncio
import http.server
import json
import os
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import parser

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "wire-python"))
from gateway import Gateway  # noqa: E402

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def read(document):
    """The spans of an export, with what their resource says of them. Unknown fields are errors."""
    ids = []
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                # OTLP's JSON form has ids in hexadecimal, where protobuf's own has base64.
                own = {name: span.pop(name, "") for name in ("traceId", "spanId", "parentSpanId")}
                assert [len(bytes.fromhex(own[name])) for name in ("traceId", "spanId")] == [16, 8], own
                ids.append(own)
    message = json_format.Parse(json.dumps(document), ExportTraceServiceRequest())
    spans = []
    for resource in message.resource_spans:
        service = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {attribute.key: getattr(attribute.value, attribute.value.WhichOneof("value")) for attribute in span.attributes}
                spans.append((ids[len(spans)], span, attributes, service))
    return spans


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes exports, and holds them against the schema: unknown fields are errors."""

    spans = []
    faults = []

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            assert self.path == "/v1/traces" and self.headers["content-type"] == "application/json", (self.path, self.headers)
            document = json.loads(body)
            self.spans.extend(read(document))
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append(repr(error))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def ask(gateway, model, text, **headers):
    """The status and headers of a chat over plain HTTP."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}/v1/chat/completions", body,
        {"content-type": "application/json", "authorization": f"Bearer {gateway.key}", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def metrics(gateway):
    """Families by name, as Prometheus' package reads them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.admin_port}/metrics", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4"), answer.headers
        families = list(parser.text_string_to_metric_families(answer.read().decode()))
    names = [family.name for family in families]
    assert len(set(names)) == len(names), names
    return {family.name: family for family in families}


def total(family, **labels):
    return sum(sample.value for sample in family.samples
               if sample.name in (family.name, family.name + "_total", family.name + "_count") and labels.items() <= sample.labels.items())


def text_is_prometheus(gateway):
    """Every family has a type, a help and samples of its own name; counts are what was asked."""
    assert ask(gateway, "whole", "I am ana@example.com")[0] == 200
    assert ask(gateway, "fail-500", "Hello")[0] == 502
    assert ask(gateway, 'a "model"\\ \n', "Hello")[0] == 404
    families = metrics(gateway)
    for name, family in families.items():
        assert family.type in ("counter", "gauge", "histogram") and family.documentation, name
        assert "See docs" not in family.documentation, name
    assert total(families["agentshield_requests"], outcome="answered", surface="chat_completions") >= 1
    assert total(families["agentshield_requests"], code="model_not_found", status="404") == 1
    assert total(families["agentshield_scrub_findings"], kind="EMAIL") >= 1
    assert total(families["gen_ai_client_operation_duration_seconds"], gen_ai_request_model="whole", error_type="") >= 1
    assert total(families["gen_ai_client_operation_duration_seconds"], gen_ai_request_model="fail-*", error_type="upstream_error") >= 1
    assert total(families["process_resident_memory_bytes"]) > 1 << 20


def histograms_are_whole(gateway):
    """Buckets grow to +Inf, which is the count."""
    for family in metrics(gateway).values():
        if family.type != "histogram":
            continue
        series = {}
        for sample in family.samples:
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            parts = series.setdefault(labels, {"buckets": [], "count": None, "sum": None})
            if sample.name.endswith("_bucket"):
                parts["buckets"].append((float(sample.labels["le"]), sample.value))
            else:
                parts[sample.name.rsplit("_", 1)[1]] = sample.value
        for labels, parts in series.items():
            counts = [count for _, count in sorted(parts["buckets"])]
            assert counts == sorted(counts) and counts[-1] == parts["count"] and parts["sum"] is not None, (family.name, labels)
            assert sorted(parts["buckets"])[-1][0] == float("inf"), (family.name, labels)


def spans_are_otlp(gateway):
    """What is exported is OpenTelemetry's message; parents and children are where they belong."""
    status, _ = ask(gateway, "whole", "not a word of this, nor bob@example.com", traceparent=f"00-{TRACE}-{PARENT}-01", tracestate="v=1")
    assert status == 200
    end = time.monotonic() + 30
    while not (found := [span for span in Collector.spans if span[0]["traceId"] == TRACE]) or len(found) < 2:
        assert time.monotonic() < end, (Collector.spans, Collector.faults)
        time.sleep(0.1)
    assert not Collector.faults, Collector.faults
    by_kind = {span.kind: (ids, span, attributes, service) for ids, span, attributes, service in found}
    ids, server, attributes, service = by_kind[2]
    child_ids, client, child_attributes, _ = by_kind[3]
    assert ids["parentSpanId"] == PARENT and child_ids["parentSpanId"] == ids["spanId"] and server.trace_state == "v=1"
    assert server.start_time_unix_nano <= client.start_time_unix_nano <= client.end_time_unix_nano <= server.end_time_unix_nano
    assert abs(server.end_time_unix_nano / 1e9 - time.time()) < 60
    assert service["service.name"] == "checks" and service["service.version"], service
    assert attributes["gen_ai.operation.name"] == "chat" and attributes["agentshield.door"] == "http", attributes
    assert attributes["agentshield.scrubbed.EMAIL"] == 1 and isinstance(attributes["agentshield.cost_usd"], float), attributes
    assert child_attributes["gen_ai.provider.name"] == "scripted" and child_attributes["gen_ai.usage.input_tokens"] > 0, child_attributes
    told = repr(Collector.spans)
    assert "a word of this" not in told and "bob@" not in told


async def main():
    collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    telemetry = f'{{service_name: checks, otlp: {{endpoint: "http://127.0.0.1:{collector.server_port}"}}}}'
    failed = 0
    async with Gateway(sys.argv[1], admin='address: "127.0.0.1:0"', telemetry=telemetry) as gateway:
        for check in (text_is_prometheus, histograms_are_whole, spans_are_otlp):
            name = "observability: " + check.__name__.replace("_", " ")
            try:
                await asyncio.to_thread(check, gateway)
                print("ok", name, flush=True)
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()
                print("not ok", name, flush=True)
                failed += 1
    collector.shutdown()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    asyncio.run(main())
