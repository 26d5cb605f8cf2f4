"""What schemathesis has to know of this service."""

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
    body = case.body if isinstance(case.body, dict) else {}
    if case.path.endswith("/receipt") and body.get("rest") and not body.get("quantity"):
        # Where there is a rest, it is said how many have come.
        body["quantity"] = 1
    if case.path == "/v1/keys" and "admin" in (body.get("roles") or []):
        # An administrator knows of everything.
        body.pop("orders_with_prefix", None)
        body.pop("skus_with_prefix", None)
