// What the generated types are good for: this compiles only if events are a union by `type`, and problems by `code`.
import type { components } from "./api";

type Schemas = components["schemas"];

export function batches(event: Schemas["Event"]): string[] {
  switch (event.type) {
    case "Allocated":
      return event.data.allocations.map((allocation) => allocation.batch);
    case "BatchCreated":
      return [event.data.reference];
    default:
      return [];
  }
}

export function missing(problem: Schemas["Problem"]): string[] {
  return problem.code === "unknown_sku" ? problem.skus : [];
}

export function gone(status: Schemas["LineStatus"]): boolean {
  return status === "dispatched";
}
