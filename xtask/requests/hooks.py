"""What schemathesis has to know of this service."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps requests apart, and callers in."""
    headers = case.headers or {}
    if "Idempotency-Key" in headers:
        # Two requests with one key are the same request, or a fault of the caller.
        headers["Idempotency-Key"] = str(uuid.uuid4())
    names = case.path_parameters or {}
    if case.path.startswith("/v1/keys/") and str(names.get("name")).endswith(("-of-the-shop", "-of-the-keys")):
        # Who revokes the own key hears nothing but 401 from then on.
        names["name"] = "somebody-else"
