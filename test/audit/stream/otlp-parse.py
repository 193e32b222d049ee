"""Parses an OTLP/JSON request with Google's own parser and OpenTelemetry's own definitions; unknown fields are errors.

usage: otlp-parse.py DIRECTORY_OF_GENERATED_MODULES < request.json
Prints the bodies of the log records as a JSON array.
"""
import json
import sys

sys.path.insert(0, sys.argv[1])
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

request = json_format.Parse(sys.stdin.read(), ExportLogsServiceRequest())
records = [record for resource in request.resource_logs for scope in resource.scope_logs for record in scope.log_records]
assert all(record.time_unix_nano and record.severity_number and record.event_name for record in records)
print(json.dumps([record.body.string_value for record in records]))
