"""What schemathesis has to know of this service."""

import json
import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leaves out what a caller would not make up."""
    headers = case.headers or {}
    if "Idempotency-Key" in headers:
        # Two requests with one key are the same request, or a fault of the caller.
        headers["Idempotency-Key"] = str(uuid.uuid4())
    if headers.get("If-Match") == "0":
        # Where it finds no text for a pattern, it tries this one.
        del headers["If-Match"]
    if case.path.endswith("/backlog"):
        # A cursor comes from the page before.
        (case.query or {}).pop("after", None)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """Lines of JSON."""
    lines = value if isinstance(value, list) else [value]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()
