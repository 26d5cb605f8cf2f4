//! Writing what happened as JSON.

use std::fmt::{self, Display};

use earmark_domain::{DeallocationReason, Fact, LineId, LineKey, LineTerms, MoveReason, Part};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// An event's `data`: a JSON object with what happened, in the words of the ubiquitous language.
///
/// Written straight into the text, as every command does this for each of its events.
#[must_use]
pub fn fact_to_json(fact: &Fact) -> String {
    serde_json::to_string(&Data(fact)).expect("text, numbers and lists of them are always JSON")
}

/// What happened, as the object that [`fact_to_json`] writes.
struct Data<'a>(&'a Fact);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Fact::ProductNamed { name } => map.serialize_entry("name", name.as_str())?,
            Fact::BatchCreated {
                reference,
                location,
                ordinal,
                quantity,
                eta,
            } => {
                map.serialize_entry("reference", reference.as_str())?;
                map.serialize_entry("location", location.as_str())?;
                map.serialize_entry("ordinal", ordinal)?;
                map.serialize_entry("quantity", &quantity.get())?;
                map.serialize_entry("eta", &eta.map(Text))?;
            }
            Fact::BatchQuantityChanged { reference, from, to } => {
                map.serialize_entry("reference", reference.as_str())?;
                map.serialize_entry("from", &from.get())?;
                map.serialize_entry("to", &to.get())?;
            }
            Fact::Allocated {
                line,
                allocations,
                from_backlog,
            } => {
                write_terms(&mut map, line)?;
                map.serialize_entry("allocations", &Parts(allocations))?;
                map.serialize_entry("from_backlog", from_backlog)?;
            }
            Fact::Deallocated { key, from, why } => {
                write_key(&mut map, key)?;
                map.serialize_entry("from", &Parts(from))?;
                map.serialize_entry(
                    "why",
                    match why {
                        DeallocationReason::Cancelled => "cancelled",
                    },
                )?;
            }
            Fact::Reallocated {
                key,
                from,
                to,
                why,
                promised_from,
                promised_to,
            } => {
                write_key(&mut map, key)?;
                map.serialize_entry("from", &Parts(from))?;
                map.serialize_entry("to", &Parts(to))?;
                map.serialize_entry("why", &Why(why))?;
                map.serialize_entry("promised_from", &Text(promised_from))?;
                map.serialize_entry("promised_to", &Text(promised_to))?;
            }
            Fact::OutOfStock { line, available, kept } => {
                write_terms(&mut map, line)?;
                map.serialize_entry("available", &available.get())?;
                map.serialize_entry("kept", kept.as_str())?;
            }
            Fact::Backordered { line, from, why } => {
                write_terms(&mut map, line)?;
                map.serialize_entry("from", &Parts(from))?;
                map.serialize_entry("why", &why.as_ref().map(Why))?;
            }
            Fact::OrderPlaced { lines } => map.serialize_entry("lines", &Lines(lines))?,
            Fact::OrderCancelled => {}
        }
        map.end()
    }
}

fn write_key<M: SerializeMap>(map: &mut M, key: &LineKey) -> Result<(), M::Error> {
    map.serialize_entry("order_id", key.order.as_str())?;
    map.serialize_entry("line_id", key.line.as_str())
}

fn write_terms<M: SerializeMap>(map: &mut M, terms: &LineTerms) -> Result<(), M::Error> {
    write_key(map, &terms.key)?;
    map.serialize_entry("quantity", &terms.quantity.get())?;
    map.serialize_entry("split", &terms.split)?;
    map.serialize_entry("placed_at", &Text(terms.placed_at))?;
    map.serialize_entry("placed_with_order", &terms.placed_with_order)
}

/// A value spelt as its display text: dates as `YYYY-MM-DD`, instants as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `[{batch, quantity}]`.
struct Parts<'a>(&'a [Part]);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(PartJson))
    }
}

struct PartJson<'a>(&'a Part);

impl Serialize for PartJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("batch", self.0.batch.as_str())?;
        map.serialize_entry("quantity", &self.0.quantity.get())?;
        map.end()
    }
}

/// `[line_id]`.
struct Lines<'a>(&'a [LineId]);

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(LineId::as_str))
    }
}

/// `{"batch_quantity_changed": reference}`: the reason, with what it is about.
struct Why<'a>(&'a MoveReason);

impl Serialize for Why<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.0 {
            MoveReason::BatchQuantityChanged(reference) => {
                map.serialize_entry("batch_quantity_changed", reference.as_str())?;
            }
        }
        map.end()
    }
}
