//! Writing an event's `data`.

use earmark_domain::{Fact, LineId, LineKey, LineTerms, Location, MoveReason, Part, Precedence, TermsChange};
use jiff::civil::Date;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::wire::text::Text;

/// An event's `data`: a JSON object that states the fact in the words of the ubiquitous language.
///
/// It is written straight into the text, without a tree in between: every command does this for each of its events.
#[must_use]
pub fn fact_to_json(fact: &Fact) -> String {
    serde_json::to_string(&Data(fact)).expect("text, numbers and lists of them are always JSON")
}

/// A fact as the object that [`fact_to_json`] writes.
struct Data<'a>(&'a Fact);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Fact::ProductNamed { name } => map.serialize_entry("name", name.as_str())?,
            Fact::SafetyStockChanged { from, to } => {
                map.serialize_entry("from", &from.get())?;
                map.serialize_entry("to", &to.get())?;
            }
            Fact::BatchCreated { .. }
            | Fact::BatchQuantityChanged { .. }
            | Fact::BatchEtaChanged { .. }
            | Fact::BatchReceived { .. }
            | Fact::BatchReceiptUndone { .. }
            | Fact::BatchOverdue { .. }
            | Fact::BatchCancelled { .. } => write_batch(&mut map, self.0)?,
            Fact::Allocated {
                line,
                allocations,
                from_backlog,
                promised_on,
            } => {
                write_terms(&mut map, line)?;
                map.serialize_entry("allocations", &Parts(allocations))?;
                map.serialize_entry("from_backlog", from_backlog)?;
                map.serialize_entry("promised_on", &Text(promised_on))?;
            }
            Fact::Deallocated {
                key,
                from,
                why,
                left,
                promised_on,
            } => {
                write_key(&mut map, key)?;
                map.serialize_entry("from", &Parts(from))?;
                map.serialize_entry("why", why.as_str())?;
                if let Some(left) = left {
                    map.serialize_entry("left", &left.get())?;
                }
                if let Some(promised_on) = promised_on {
                    map.serialize_entry("promised_on", &Text(promised_on))?;
                }
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
                map.serialize_entry("why", &Reason(why))?;
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
                map.serialize_entry("why", &why.as_ref().map(Reason))?;
            }
            Fact::PromiseChanged { key, from, to, why } => {
                write_key(&mut map, key)?;
                write_dates(&mut map, from, to, why)?;
            }
            Fact::PromiseBroken {
                key,
                required_by,
                from,
                to,
                why,
            } => {
                write_key(&mut map, key)?;
                map.serialize_entry("required_by", &Text(required_by))?;
                write_dates(&mut map, from, to, why)?;
            }
            Fact::LineChanged { line } => write_terms(&mut map, line)?,
            Fact::Confirmed { key } => write_key(&mut map, key)?,
            Fact::Dispatched { key, from, left } => {
                write_key(&mut map, key)?;
                map.serialize_entry("from", &Parts(from))?;
                if let Some(left) = left {
                    map.serialize_entry("left", &left.get())?;
                }
            }
            Fact::DispatchUndone { key, to, promised_on } => {
                write_key(&mut map, key)?;
                map.serialize_entry("to", &Parts(to))?;
                map.serialize_entry("promised_on", &Text(promised_on))?;
            }
            Fact::OrderPlaced {
                lines,
                precedence,
                asked,
            }
            | Fact::OrderReplaced {
                lines,
                precedence,
                asked,
            } => {
                map.serialize_entry("lines", &Lines(lines))?;
                write_precedence(&mut map, *precedence)?;
                map.serialize_entry("asked", &Text(asked))?;
            }
            Fact::OrderChanged { change } => write_change(&mut map, change)?,
            Fact::HoldPlaced { until } => map.serialize_entry("until", &Text(until))?,
            Fact::HoldExpired { deadline } => map.serialize_entry("deadline", &Text(deadline))?,
            Fact::StockDepleted | Fact::StockReplenished | Fact::HoldConfirmed | Fact::OrderCancelled => {}
        }
        map.end()
    }
}

fn write_batch<M: SerializeMap>(map: &mut M, fact: &Fact) -> Result<(), M::Error> {
    match fact {
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
            map.serialize_entry("eta", &eta.map(Text))
        }
        Fact::BatchQuantityChanged { reference, from, to } | Fact::BatchCancelled { reference, from, to } => {
            map.serialize_entry("reference", reference.as_str())?;
            map.serialize_entry("from", &from.get())?;
            map.serialize_entry("to", &to.get())
        }
        Fact::BatchEtaChanged { reference, from, to } => {
            map.serialize_entry("reference", reference.as_str())?;
            map.serialize_entry("from", &Text(from))?;
            map.serialize_entry("to", &Text(to))
        }
        Fact::BatchReceived { reference, receipt } => {
            map.serialize_entry("reference", reference.as_str())?;
            map.serialize_entry("eta", &Text(receipt.eta))?;
            map.serialize_entry("expected", &receipt.expected.get())?;
            map.serialize_entry("counted", &receipt.counted.get())
        }
        Fact::BatchReceiptUndone { reference, eta } | Fact::BatchOverdue { reference, eta } => {
            map.serialize_entry("reference", reference.as_str())?;
            map.serialize_entry("eta", &Text(eta))
        }
        _ => Ok(()),
    }
}

fn write_dates<M: SerializeMap>(map: &mut M, from: &Date, to: &Date, why: &MoveReason) -> Result<(), M::Error> {
    map.serialize_entry("from", &Text(from))?;
    map.serialize_entry("to", &Text(to))?;
    map.serialize_entry("why", &Reason(why))
}

/// The fields of a precedence: none for the default.
fn write_precedence<M: SerializeMap>(map: &mut M, precedence: Precedence) -> Result<(), M::Error> {
    if precedence == Precedence::default() {
        return Ok(());
    }
    map.serialize_entry("priority", &precedence.priority().get())?;
    map.serialize_entry("required_by", &precedence.required_by().map(Text))
}

/// The terms that changed, and no others.
fn write_change<M: SerializeMap>(map: &mut M, change: &TermsChange) -> Result<(), M::Error> {
    if let Some(priority) = change.priority {
        map.serialize_entry("priority", &priority.get())?;
    }
    if let Some(required_by) = change.required_by {
        map.serialize_entry("required_by", &required_by.map(Text))?;
    }
    if let Some(locations) = &change.locations {
        map.serialize_entry("locations", &Locations(locations.as_slice()))?;
    }
    Ok(())
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
    map.serialize_entry("placed_with_order", &terms.placed_with_order)?;
    if let Some(asked) = terms.asked {
        map.serialize_entry("asked", &Text(asked))?;
    }
    // Left out where they are the default: most lines are plain, and every line is stored.
    write_precedence(map, terms.precedence)?;
    if !terms.locations.is_any() {
        map.serialize_entry("locations", &Locations(terms.locations.as_slice()))?;
    }
    if let Some(until) = terms.hold_until {
        map.serialize_entry("hold_until", &Text(until))?;
    }
    Ok(())
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

/// `[location]`.
struct Locations<'a>(&'a [Location]);

impl Serialize for Locations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Location::as_str))
    }
}

/// `{"batch_quantity_changed": reference}`: the reason of a move, with the batch that caused it; a word such as
/// `"improved"` if none did.
struct Reason<'a>(&'a MoveReason);

impl Serialize for Reason<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(batch) = self.0.batch() else {
            return serializer.serialize_str(self.0.as_str());
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0.as_str(), batch.as_str())?;
        map.end()
    }
}
