//! The work that a product has pending, as one JSON column. No query looks into it.

use earmark_application::StoreError;
use earmark_domain::{
    Arrival, Count, Improve, LineId, LineKey, MoveReason, OrderId, Pending, PendingChange, PendingImprovement,
    PendingStep, Receipt, Reference, ReleasePosition, ServicePosition, Sku, Units,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::decode::RowContext;
use super::rank;

/// The name of the column, for messages.
const COLUMN: &str = "pending";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum PendingJson {
    Change(ChangeJson),
    Backlog {
        after: Option<PositionJson>,
        improve: ImproveJson,
    },
    Improvement {
        improve: ImproveJson,
        after: Option<PositionJson>,
        moved: bool,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ImproveJson {
    Off,
    AtRisk,
    All,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeJson {
    why: Why,
    batch: String,
    step: StepJson,
}

#[derive(Serialize, Deserialize)]
enum Why {
    #[serde(rename = "batch_quantity_changed")]
    Counted,
    #[serde(rename = "batch_eta_changed")]
    PutOff,
    #[serde(rename = "batch_received")]
    Received,
    #[serde(rename = "batch_receipt_undone")]
    ReceiptUndone,
    #[serde(rename = "batch_cancelled")]
    Cancelled,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StepJson {
    Release {
        to: u32,
        then: Option<ThenJson>,
    },
    Redate {
        after: Option<ReleasePositionJson>,
    },
    Divide {
        to: u32,
        kept: u64,
        after: Option<ReleasePositionJson>,
    },
}

/// What becomes of the arrival of the batch when its lines have left.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ThenJson {
    Eta(String),
    Received { eta: String, expected: u32, counted: u32 },
    ReceiptUndone(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleasePositionJson {
    release_rank: i64,
    allocated_version: u64,
    line: PositionJson,
}

/// A position in the order of service.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionJson {
    rank: i64,
    placed_version: u64,
    order_id: String,
    line_id: String,
}

/// The column's value.
pub(crate) fn to_json(pending: &Pending) -> String {
    let json = match pending {
        Pending::Change(change) => PendingJson::Change(change_json(change)),
        Pending::Backlog { after, improve } => PendingJson::Backlog {
            after: after.as_ref().map(position_json),
            improve: improve_json(*improve),
        },
        Pending::Improvement(PendingImprovement { improve, after, moved }) => PendingJson::Improvement {
            improve: improve_json(*improve),
            after: after.as_ref().map(position_json),
            moved: *moved,
        },
    };
    serde_json::to_string(&json).expect("names, dates and numbers are JSON")
}

const fn improve_json(improve: Improve) -> ImproveJson {
    match improve {
        Improve::Off => ImproveJson::Off,
        Improve::AtRisk => ImproveJson::AtRisk,
        Improve::All => ImproveJson::All,
    }
}

fn change_json(change: &PendingChange) -> ChangeJson {
    let why = match &change.reason {
        MoveReason::BatchEtaChanged(_) => Why::PutOff,
        MoveReason::BatchReceived(_) => Why::Received,
        MoveReason::BatchReceiptUndone(_) => Why::ReceiptUndone,
        MoveReason::BatchCancelled(_) => Why::Cancelled,
        MoveReason::BatchQuantityChanged(_)
        | MoveReason::BatchOverdue(_)
        | MoveReason::Improved
        | MoveReason::OrderChanged => Why::Counted,
    };
    let step = match &change.step {
        PendingStep::Release { to, arrival } => StepJson::Release {
            to: to.get(),
            then: arrival.map(then_json),
        },
        PendingStep::Redate { after } => StepJson::Redate {
            after: after.as_ref().map(release_position_json),
        },
        PendingStep::Divide { to, kept, after } => StepJson::Divide {
            to: to.get(),
            kept: kept.get(),
            after: after.as_ref().map(release_position_json),
        },
    };
    let batch = change.batch().to_string();
    ChangeJson { why, batch, step }
}

fn then_json(arrival: Arrival) -> ThenJson {
    match arrival {
        Arrival::On(eta) => ThenJson::Eta(eta.to_string()),
        Arrival::Received(receipt) => ThenJson::Received {
            eta: receipt.eta.to_string(),
            expected: receipt.expected.get(),
            counted: receipt.counted.get(),
        },
        Arrival::ReceiptUndone(eta) => ThenJson::ReceiptUndone(eta.to_string()),
    }
}

fn release_position_json(position: &ReleasePosition) -> ReleasePositionJson {
    ReleasePositionJson {
        release_rank: rank::release_rank(position.rank),
        allocated_version: position.allocated_version,
        line: position_json(&position.line),
    }
}

fn position_json(position: &ServicePosition) -> PositionJson {
    PositionJson {
        rank: rank::rank(position.precedence),
        placed_version: position.placed_version,
        order_id: position.key.order.to_string(),
        line_id: position.key.line.to_string(),
    }
}

/// The pending work of a product, from the column's value.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn from_json(sku: &Sku, json: &str) -> Result<Pending, StoreError> {
    let at = RowContext {
        table: "products",
        key: sku,
    };
    let after = |position: Option<PositionJson>| position.map(|position| read_position(&at, &position)).transpose();
    Ok(match at.read(COLUMN, serde_json::from_str(json))? {
        PendingJson::Change(change) => Pending::Change(read_change(&at, change)?),
        PendingJson::Backlog { after: last, improve } => Pending::Backlog {
            after: after(last)?,
            improve: read_improve(&improve),
        },
        PendingJson::Improvement {
            improve,
            after: last,
            moved,
        } => Pending::Improvement(PendingImprovement {
            improve: read_improve(&improve),
            after: after(last)?,
            moved,
        }),
    })
}

const fn read_improve(improve: &ImproveJson) -> Improve {
    match improve {
        ImproveJson::Off => Improve::Off,
        ImproveJson::AtRisk => Improve::AtRisk,
        ImproveJson::All => Improve::All,
    }
}

fn read_change(at: &RowContext<'_>, json: ChangeJson) -> Result<PendingChange, StoreError> {
    let ChangeJson { why, batch, step } = json;
    let batch = at.read(COLUMN, Reference::new(batch))?;
    let position = |after: Option<ReleasePositionJson>| {
        let after = after.map(|position| read_release_position(at, &position));
        after.transpose()
    };
    Ok(PendingChange {
        reason: match why {
            Why::Counted => MoveReason::BatchQuantityChanged(batch),
            Why::PutOff => MoveReason::BatchEtaChanged(batch),
            Why::Received => MoveReason::BatchReceived(batch),
            Why::ReceiptUndone => MoveReason::BatchReceiptUndone(batch),
            Why::Cancelled => MoveReason::BatchCancelled(batch),
        },
        step: match step {
            StepJson::Release { to, then } => PendingStep::Release {
                to: at.read(COLUMN, Count::new(to))?,
                arrival: then.map(|then| read_arrival(at, &then)).transpose()?,
            },
            StepJson::Redate { after } => PendingStep::Redate {
                after: position(after)?,
            },
            StepJson::Divide { to, kept, after } => PendingStep::Divide {
                to: at.read(COLUMN, Count::new(to))?,
                kept: Units::new(kept),
                after: position(after)?,
            },
        },
    })
}

fn read_arrival(at: &RowContext<'_>, then: &ThenJson) -> Result<Arrival, StoreError> {
    let date = |text: &str| at.read(COLUMN, text.parse::<Date>());
    Ok(match then {
        ThenJson::Eta(eta) => Arrival::On(date(eta)?),
        ThenJson::Received { eta, expected, counted } => Arrival::Received(Receipt {
            eta: date(eta)?,
            expected: at.read(COLUMN, Count::new(*expected))?,
            counted: at.read(COLUMN, Count::new(*counted))?,
        }),
        ThenJson::ReceiptUndone(eta) => Arrival::ReceiptUndone(date(eta)?),
    })
}

fn read_release_position(at: &RowContext<'_>, position: &ReleasePositionJson) -> Result<ReleasePosition, StoreError> {
    Ok(ReleasePosition {
        rank: at.release_rank(COLUMN, position.release_rank)?,
        allocated_version: position.allocated_version,
        line: read_position(at, &position.line)?,
    })
}

fn read_position(at: &RowContext<'_>, position: &PositionJson) -> Result<ServicePosition, StoreError> {
    Ok(ServicePosition {
        precedence: at.precedence(COLUMN, position.rank)?,
        placed_version: position.placed_version,
        key: LineKey {
            order: at.read(COLUMN, OrderId::new(&position.order_id))?,
            line: at.read(COLUMN, LineId::new(&position.line_id))?,
        },
    })
}

#[cfg(test)]
mod tests {
    use earmark_domain::{Precedence, Priority, ReleaseRank};
    use jiff::civil::date;

    use super::*;

    fn sku() -> Sku {
        Sku::new("LAMP").expect("a name")
    }

    fn batch() -> Reference {
        Reference::new("B \"1\"").expect("a name")
    }

    fn works() -> Vec<Pending> {
        let precedence = Precedence::of(Priority::new(-3).expect("a priority"), Some(date(2031, 2, 3)));
        let line = ServicePosition {
            precedence,
            placed_version: 7,
            key: LineKey {
                order: OrderId::new("Ö-1").expect("a name"),
                line: LineId::new("1/2").expect("a name"),
            },
        };
        let position = ReleasePosition {
            rank: ReleaseRank::of(precedence, true),
            allocated_version: 12,
            line: line.clone(),
        };
        let change = |reason, step| Pending::Change(PendingChange { reason, step });
        let release = |arrival| PendingStep::Release {
            to: Count::ZERO,
            arrival,
        };
        let received = Receipt {
            eta: date(2031, 5, 6),
            expected: Count::new(12).expect("a count"),
            counted: Count::ZERO,
        };
        let redate = |after| PendingStep::Redate { after };
        let improvement = |improve, after, moved| Pending::Improvement(PendingImprovement { improve, after, moved });
        vec![
            change(MoveReason::BatchQuantityChanged(batch()), release(None)),
            change(MoveReason::BatchCancelled(batch()), release(None)),
            change(
                MoveReason::BatchReceived(batch()),
                release(Some(Arrival::Received(received))),
            ),
            change(
                MoveReason::BatchReceiptUndone(batch()),
                release(Some(Arrival::ReceiptUndone(date(2031, 5, 6)))),
            ),
            change(
                MoveReason::BatchEtaChanged(batch()),
                release(Some(Arrival::On(date(2031, 5, 6)))),
            ),
            change(MoveReason::BatchEtaChanged(batch()), redate(None)),
            change(MoveReason::BatchReceived(batch()), redate(Some(position.clone()))),
            change(
                MoveReason::BatchReceived(batch()),
                PendingStep::Divide {
                    to: Count::new(6).expect("a count"),
                    kept: Units::new(4),
                    after: Some(position),
                },
            ),
            Pending::Backlog {
                after: None,
                improve: Improve::Off,
            },
            Pending::Backlog {
                after: Some(line.clone()),
                improve: Improve::All,
            },
            improvement(Improve::AtRisk, Some(line), true),
            improvement(Improve::All, None, false),
        ]
    }

    #[test]
    fn pending_work_is_read_as_it_was_stored() {
        for work in works() {
            let json = to_json(&work);
            assert_eq!(from_json(&sku(), &json).expect(&json), work, "{json}");
        }
    }

    #[test]
    fn what_is_no_pending_work_is_reported_as_corrupt() {
        let sound = to_json(&works()[0]);
        for forged in [
            "",
            "{}",
            "null",
            &sound.replace("release", "resale"),
            &sound.replace(":0", ":-1"),
        ] {
            assert!(
                matches!(from_json(&sku(), forged), Err(StoreError::Corrupt(_))),
                "{forged}"
            );
        }
    }
}
