// A story told by the generated types: stock comes in, an order is held and confirmed, a ship is late, the order leaves. It
// compiles only if each call has its types, events are a union by `type`, and the problems of a call one by `code`.
import { deepStrictEqual, strictEqual } from "node:assert";
import { argv } from "node:process";

import createClient from "openapi-fetch";

import type { components, paths } from "./api";

type Schemas = components["schemas"];

const client = createClient<paths>({ baseUrl: argv[2] });

/** What a call answers, which is no problem. */
function done<T>({ data, error }: { data?: T; error?: Schemas["Problem"] }): T {
  if (data === undefined) {
    throw new Error(`${error?.code}: ${error?.detail}`);
  }
  return data;
}

/** A place that no value gets to. */
function never(value: never): never {
  throw new Error(`not ${JSON.stringify(value)}`);
}

// Stock comes in.
const shelf = done(await client.POST("/v1/batches", { body: { reference: "shelf", sku: "LAMP", quantity: 10 } }));
strictEqual(shelf.status, "in_warehouse");
done(await client.POST("/v1/batches", { body: { reference: "ship", sku: "LAMP", quantity: 20, eta: "2036-03-01" } }));

// An order is held.
const lines = [{ line_id: "1", sku: "LAMP", quantity: 15 }];
const held = done(await client.POST("/v1/orders", { body: { order_id: "anna", lines, split: true, hold_seconds: 900 } }));
strictEqual(held.status, "held");
deepStrictEqual(held.lines[0].allocations, [{ batch: "shelf", quantity: 10 }, { batch: "ship", quantity: 5 }]);

// Another one is too large.
const refused = await client.POST("/v1/orders", {
  body: { order_id: "bert", lines: [{ sku: "LAMP", quantity: 16 }], split: true },
});
strictEqual(refused.response.status, 409);
if (refused.error?.code !== "out_of_stock") {
  throw new Error(`not ${refused.error?.code}`);
}
strictEqual(refused.error.shortages?.[0].available, 15);

// It is confirmed.
const firm = done(await client.POST("/v1/orders/{order_id}/confirmation", { params: { path: { order_id: "anna" } }, body: {} }));
strictEqual(firm.status, "firm");

// The ship is late, and whoever saw it before is told so.
const ship = { path: { reference: "ship" } };
const seen = (await client.GET("/v1/batches/{reference}", { params: ship })).response.headers.get("etag") ?? "";
const late = { params: { ...ship, header: { "If-Match": seen } }, body: { eta: "2036-04-01" } };
const { effects } = done(await client.PATCH("/v1/batches/{reference}", late));
deepStrictEqual(effects.promise_changed, [{ order_id: "anna", line_id: "1", from: "2036-03-01", to: "2036-04-01" }]);
const stale = await client.PATCH("/v1/batches/{reference}", { ...late, body: { eta: "2036-05-01" } });
strictEqual(stale.error?.code, "stale_version");

// What is here leaves; of what may go wrong each has a name.
const dispatch = (all_or_nothing: boolean) =>
  client.POST("/v1/orders/{order_id}/dispatch", { params: { path: { order_id: "anna" } }, body: { all_or_nothing } });
const early = await dispatch(true);
strictEqual(why(early.error!), "ship has not arrived");
const partly = done(await dispatch(false));
deepStrictEqual(partly.left_behind, [{ line_id: "1", quantity: 5, why: "not_in_warehouse", batch: "ship" }]);
const received = done(await client.POST("/v1/batches/{reference}/receipt", { params: ship, body: {} }));
strictEqual(received.batch.status, "in_warehouse");
strictEqual(done(await dispatch(true)).status, "dispatched");

type Answers = paths["/v1/orders/{order_id}/dispatch"]["post"]["responses"];
type Problems<A> = A extends { content: { "application/problem+json": infer P } } ? P : never;

function why(problem: Problems<Answers[keyof Answers]>): string {
  switch (problem.code) {
    case "not_in_warehouse":
      return `${problem.batch} has not arrived`;
    case "not_allocated":
      return `${problem.line_ids} wait`;
    case "already_dispatched":
    case "exceeds_line":
    case "not_firm":
    case "unknown_line":
    case "unknown_order":
      return problem.detail;
    case "stale_version":
      return `it has version ${problem.version}`;
    case "unauthorized":
    case "forbidden":
    case "out_of_bounds":
    case "foreign_origin":
    case "unknown_host":
      return "it may not";
    case "invalid_request":
      return problem.errors.map((fault) => fault.field).join();
    case "malformed_json":
    case "malformed_condition":
    case "broken_body":
    case "condition_not_supported":
    case "invalid_idempotency_key":
    case "idempotency_key_in_use":
    case "idempotency_key_reused":
    case "payload_too_large":
    case "unsupported_media_type":
    case "request_timeout":
      return "it is asked wrongly";
    case "busy":
    case "shutting_down":
    case "too_many_requests":
    case "unavailable":
    case "internal":
      return "later";
    default:
      return never(problem);
  }
}

// It has left from both, one after the other.
const { items } = done(await client.GET("/v1/events", { params: { query: { order_id: "anna" } } }));
const left = items.flatMap((event) => (event.type === "Dispatched" ? event.data.from : []));
deepStrictEqual(left.map((part) => part.batch), ["shelf", "ship"]);
console.log("The generated types tell the whole story.");
