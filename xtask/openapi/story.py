"""A story told by the generated client: stock comes in, an order is held and confirmed, a ship is late, the order leaves."""

import sys
from datetime import date

from earmark_client import Client
from earmark_client.api.batches import change_batch, create_batch, receive_batch, show_batch
from earmark_client.api.events import list_events
from earmark_client.api.orders import confirm_order, dispatch_order, place_order
from earmark_client.models import (
    Batch,
    BatchChange,
    BatchReceipt,
    BatchStatus,
    ChangeBatch,
    Confirmation,
    CreateBatch,
    Dispatch,
    DispatchedEvent,
    DispatchedOrder,
    EventPage,
    LeftBehindReason,
    NotInWarehouseProblem,
    Order,
    OrderLine,
    OrderStatus,
    OutOfStockProblem,
    PlaceOrder,
    Receipt,
    StaleVersionProblem,
)

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)


def of(kind, answer):
    """An answer that is of the type that it should be of."""
    assert isinstance(answer, kind), answer
    return answer


# Stock comes in.
shelf = of(Batch, create_batch.sync(client=client, body=CreateBatch(reference="shelf", sku="LAMP", quantity=10)))
assert shelf.status == BatchStatus.IN_WAREHOUSE, shelf
coming = CreateBatch(reference="ship", sku="LAMP", quantity=20, eta=date(2036, 3, 1))
of(Batch, create_batch.sync(client=client, body=coming))

# An order is held.
lines = [OrderLine(line_id="1", sku="LAMP", quantity=15)]
order = PlaceOrder(order_id="anna", lines=lines, split=True, hold_seconds=900)
held = of(Order, place_order.sync(client=client, body=order))
assert held.status == OrderStatus.HELD, held
assert [(part.batch, part.quantity) for part in held.lines[0].allocations] == [("shelf", 10), ("ship", 5)], held

# Another one is too large.
order = PlaceOrder(order_id="bert", lines=[OrderLine(sku="LAMP", quantity=16)], split=True)
refused = of(OutOfStockProblem, place_order.sync(client=client, body=order))
assert refused.code == "out_of_stock" and refused.shortages[0].available == 15, refused

# It is confirmed.
firm = of(Order, confirm_order.sync("anna", client=client, body=Confirmation()))
assert firm.status == OrderStatus.FIRM, firm

# The ship is late, and whoever saw it before is told so.
seen = show_batch.sync_detailed("ship", client=client).headers["etag"]
late = ChangeBatch(eta=date(2036, 4, 1))
change = of(BatchChange, change_batch.sync("ship", client=client, body=late, if_match=seen))
moved = change.effects.promise_changed[0]
assert (moved.order_id, moved.from_, moved.to) == ("anna", date(2036, 3, 1), date(2036, 4, 1)), moved
stale = of(StaleVersionProblem, change_batch.sync("ship", client=client, body=late, if_match=seen))
assert stale.code == "stale_version", stale

# What is here leaves.
early = dispatch_order.sync("anna", client=client, body=Dispatch(all_or_nothing=True))
assert of(NotInWarehouseProblem, early).batch == "ship", early
partly = of(DispatchedOrder, dispatch_order.sync("anna", client=client, body=Dispatch()))
left_behind = partly.left_behind[0]
assert (left_behind.quantity, left_behind.why) == (5, LeftBehindReason.NOT_IN_WAREHOUSE), partly
of(BatchReceipt, receive_batch.sync("ship", client=client, body=Receipt()))
gone = of(DispatchedOrder, dispatch_order.sync("anna", client=client, body=Dispatch(all_or_nothing=True)))
assert gone.status == OrderStatus.DISPATCHED, gone

# It has left from both, one after the other.
page = of(EventPage, list_events.sync(client=client, order_id="anna"))
left = [part.batch for event in page.items if isinstance(event, DispatchedEvent) for part in event.data.from_]
assert left == ["shelf", "ship"], page
print("The generated client tells the whole story.")
