"""Runs a program with the address of a service of its own: `at_service.py PROGRAM… -- COMMAND…`, which runs the service."""

import os
import re
import subprocess
import sys

between = sys.argv.index("--")
program, command = sys.argv[1:between], sys.argv[between + 1 :]
settings = {
    "EARMARK__STORE__URL": "memory:",
    "EARMARK__HTTP__LISTEN": "127.0.0.1:0",
    "EARMARK__LOG__LEVEL": "error",
}
with subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True) as service:
    try:
        # It prints one line: where it listens.
        address = next(found for line in service.stdout if (found := re.search(r"http://[^/\s]+", line)))
        told = subprocess.run([*program, address.group()], timeout=60, check=False)
    finally:
        service.terminate()
sys.exit(told.returncode)
