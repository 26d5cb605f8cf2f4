"""Has schemathesis send requests as some callers: `as_each_role.py SCHEMATHESIS DOCUMENT EXAMPLES SEED EARMARK CALLER…`.

A caller is a role, `every-role`, or `stranger`, who has no key.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request

schemathesis, document, examples, seed, earmark, *callers = sys.argv[1:]
ROLES = ["viewer", "sales", "warehouse", "planner", "admin"]
SETTINGS = {
    "EARMARK__STORE__URL": "memory:",
    "EARMARK__HTTP__LISTEN": "127.0.0.1:0",
    "EARMARK__LOG__LEVEL": "error",
    # A stranger is not to be slowed down here.
    "EARMARK__LIMITS__UNKNOWN_PER_SECOND": "1000000",
}


def key(address, name, roles, shown):
    """Makes a key."""
    body = json.dumps({"name": name, "roles": roles}).encode()
    headers = {"Content-Type": "application/json"} | shown
    request = urllib.request.Request(f"{address}/v1/keys", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return {"Authorization": "Bearer " + json.load(answer)["secret"]}


def send(address, name, shown):
    """Whether nothing is found."""
    run = [schemathesis, "run", document, "--url", address, "--checks", "all", "--max-examples", examples]
    # The only required header is the key, and whether anything is done without it is seen by another check. And there are
    # rules that a schema can't tell, such as that a line is named once: what has the right form may still be refused.
    unchecked = ["missing_required_header", "positive_data_acceptance"]
    if not shown:
        # Who is not let in hears that alone, and at a page is led to where people sign in.
        unchecked += ["negative_data_rejection", "unsupported_method"]
    run += ["--exclude-checks", ",".join(unchecked), "--seed", seed]
    run += ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--request-timeout", "30", "--no-color"]
    run += [part for header in shown.items() for part in ("--header", ": ".join(header))]
    print(f"\nAs {name}:", flush=True)
    return subprocess.run(run, env=os.environ | {"SCHEMATHESIS_HOOKS": "hooks"}, check=False).returncode == 0


def is_known(address, shown):
    """Whether a key still opens the service: an administrator may have revoked its own."""
    with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/products", headers=shown), timeout=30) as answer:
        return answer.status == 200


found = []
for caller in callers:
    with subprocess.Popen([earmark, "serve"], env=os.environ | SETTINGS, stdout=subprocess.PIPE, text=True) as service:
        try:
            # It prints one line: where it listens.
            listens = (re.search(r"http://[^/\s]+", line) for line in service.stdout)
            address = next(match.group() for match in listens if match)
            keeper = key(address, "keeper-of-the-keys", ["admin"], {})
            roles = ROLES if caller == "every-role" else [caller]
            shown = {} if caller == "stranger" else key(address, f"{caller}-of-the-shop", roles, keeper)
            if not send(address, caller, shown) or shown and not is_known(address, shown):
                found.append(caller)
        finally:
            service.kill()
if found:
    sys.exit(f"something was found as {', '.join(found)}")
print("Nothing was found.")
