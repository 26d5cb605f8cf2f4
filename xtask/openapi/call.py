"""Calls a service with the generated client: `call.py COMMAND…`, where the command runs the service."""

import os
import re
import subprocess
import sys

from earmark_client import Client
from earmark_client.api.batches import create_batch
from earmark_client.api.events import list_events
from earmark_client.api.orders import allocate
from earmark_client.models import (
    Allocate,
    AllocatedEvent,
    Batch,
    CreateBatch,
    EventPage,
    Line,
    LineStatus,
    OutOfStockProblem,
)


def check(client: Client) -> None:
    batch = create_batch.sync(client=client, body=CreateBatch(reference="PO-1", sku="LAMP", quantity=3))
    assert isinstance(batch, Batch), batch
    line = allocate.sync(client=client, body=Allocate(order_id="order-1", sku="LAMP", quantity=2))
    assert isinstance(line, Line) and line.status == LineStatus.ALLOCATED, line
    short = allocate.sync(client=client, body=Allocate(order_id="order-2", sku="LAMP", quantity=2))
    assert isinstance(short, OutOfStockProblem) and short.available == 1, short
    page = list_events.sync(client=client)
    assert isinstance(page, EventPage), page
    allocated = [event for event in page.items if isinstance(event, AllocatedEvent)]
    assert [part.batch for part in allocated[0].data.allocations] == ["PO-1"], page


settings = {
    "EARMARK__STORE__URL": "memory:",
    "EARMARK__HTTP__LISTEN": "127.0.0.1:0",
    "EARMARK__LOG__LEVEL": "error",
}
with subprocess.Popen(sys.argv[1:], env=os.environ | settings, stdout=subprocess.PIPE, text=True) as service:
    try:
        # It prints one line: where it listens.
        address = next(found for line in service.stdout if (found := re.search(r"http://[^/\s]+", line)))
        check(Client(base_url=address.group(), raise_on_unexpected_status=True))
    finally:
        service.terminate()
print("The generated client works.")
