//! A pending change of a batch as one JSON column of its product. No query looks into it.

use earmark_application::StoreError;
use earmark_domain::{
    Count, LineId, LineKey, MoveReason, OrderId, PendingChange, PendingStep, Reference, ReleasePosition,
    ServicePosition, Sku,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::decode::RowContext;
use super::rank;

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
        before: Option<String>,
        after: Option<PositionJson>,
    },
}

/// What the batch gets when its lines have left.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ThenJson {
    Arrives,
    Eta(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionJson {
    release_rank: i64,
    allocated_version: u64,
    rank: i64,
    placed_version: u64,
    order_id: String,
    line_id: String,
}

/// The column's value.
pub(crate) fn to_json(change: &PendingChange) -> String {
    let why = match &change.reason {
        MoveReason::BatchQuantityChanged(_) => Why::Counted,
        MoveReason::BatchEtaChanged(_) => Why::PutOff,
        MoveReason::BatchReceived(_) => Why::Received,
        MoveReason::BatchCancelled(_) => Why::Cancelled,
    };
    let step = match &change.step {
        PendingStep::Release { to, eta } => StepJson::Release {
            to: to.get(),
            then: eta.map(|eta| eta.map_or(ThenJson::Arrives, |eta| ThenJson::Eta(eta.to_string()))),
        },
        PendingStep::Redate { before, after } => StepJson::Redate {
            before: before.map(|eta| eta.to_string()),
            after: after.as_ref().map(|position| PositionJson {
                release_rank: rank::release_rank(position.rank),
                allocated_version: position.allocated_version,
                rank: rank::rank(position.line.precedence),
                placed_version: position.line.placed_version,
                order_id: position.line.key.order.to_string(),
                line_id: position.line.key.line.to_string(),
            }),
        },
    };
    let batch = change.batch().to_string();
    serde_json::to_string(&ChangeJson { why, batch, step }).expect("names, dates and numbers are JSON")
}

/// The pending change of a product, from the column's value.
///
/// # Errors
/// [`StoreError::Corrupt`].
pub(crate) fn from_json(sku: &Sku, json: &str) -> Result<PendingChange, StoreError> {
    const COLUMN: &str = "pending_change";
    let at = RowContext {
        table: "products",
        key: sku,
    };
    let ChangeJson { why, batch, step } = at.read(COLUMN, serde_json::from_str(json))?;
    let batch = at.read(COLUMN, Reference::new(batch))?;
    let date = |text: &str| at.read(COLUMN, text.parse::<Date>());
    Ok(PendingChange {
        reason: match why {
            Why::Counted => MoveReason::BatchQuantityChanged(batch),
            Why::PutOff => MoveReason::BatchEtaChanged(batch),
            Why::Received => MoveReason::BatchReceived(batch),
            Why::Cancelled => MoveReason::BatchCancelled(batch),
        },
        step: match step {
            StepJson::Release { to, then } => PendingStep::Release {
                to: at.read(COLUMN, Count::new(to))?,
                eta: match then {
                    None => None,
                    Some(ThenJson::Arrives) => Some(None),
                    Some(ThenJson::Eta(eta)) => Some(Some(date(&eta)?)),
                },
            },
            StepJson::Redate { before, after } => PendingStep::Redate {
                before: before.as_deref().map(date).transpose()?,
                after: after.map(|position| read_position(&at, &position)).transpose()?,
            },
        },
    })
}

fn read_position(at: &RowContext<'_>, position: &PositionJson) -> Result<ReleasePosition, StoreError> {
    Ok(ReleasePosition {
        rank: at.release_rank("pending_change", position.release_rank)?,
        allocated_version: position.allocated_version,
        line: ServicePosition {
            precedence: at.precedence("pending_change", position.rank)?,
            placed_version: position.placed_version,
            key: LineKey {
                order: at.read("pending_change", OrderId::new(&position.order_id))?,
                line: at.read("pending_change", LineId::new(&position.line_id))?,
            },
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

    fn changes() -> Vec<PendingChange> {
        let precedence = Precedence::of(Priority::new(-3).expect("a priority"), Some(date(2031, 2, 3)));
        let position = ReleasePosition {
            rank: ReleaseRank::of(precedence, true),
            allocated_version: 12,
            line: ServicePosition {
                precedence,
                placed_version: 7,
                key: LineKey {
                    order: OrderId::new("Ö-1").expect("a name"),
                    line: LineId::new("1/2").expect("a name"),
                },
            },
        };
        let eta = date(2031, 5, 6);
        let release = |eta| PendingStep::Release { to: Count::ZERO, eta };
        let redate = |before, after| PendingStep::Redate { before, after };
        vec![
            PendingChange {
                reason: MoveReason::BatchQuantityChanged(batch()),
                step: release(None),
            },
            PendingChange {
                reason: MoveReason::BatchCancelled(batch()),
                step: release(None),
            },
            PendingChange {
                reason: MoveReason::BatchReceived(batch()),
                step: release(Some(None)),
            },
            PendingChange {
                reason: MoveReason::BatchEtaChanged(batch()),
                step: release(Some(Some(eta))),
            },
            PendingChange {
                reason: MoveReason::BatchEtaChanged(batch()),
                step: redate(Some(eta), None),
            },
            PendingChange {
                reason: MoveReason::BatchReceived(batch()),
                step: redate(None, Some(position)),
            },
        ]
    }

    #[test]
    fn a_pending_change_is_read_as_it_was_stored() {
        for change in changes() {
            let json = to_json(&change);
            assert_eq!(from_json(&sku(), &json).expect(&json), change, "{json}");
        }
    }

    #[test]
    fn what_is_no_pending_change_is_reported_as_corrupt() {
        let sound = to_json(&changes()[0]);
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
