//! What planners ask every morning: which promises are at risk, which batches are late and whom that hits, who has waited
//! longest, what has changed, which holds end, and how a product stands in time.
//!
//! A store finds rows by its indexes, a page at a time; what they mean the domain says. Nothing here reads everything: a
//! page looks at a bounded number of rows, and says where the list goes on.

mod changes;
mod holds;
mod late;
mod product;
mod risks;
mod waiting;

pub use changes::{LineChange, changes_since};
pub use holds::{HOLDS_END_WITHIN, ending_holds};
pub use late::{Hits, LateBatch, LineOfBatch, MAX_LINES_LOOKED_AT, late_batches, lines_of_batch};
pub use product::{BatchInTime, ProductInTime, product_in_time};
pub use risks::{LineAtRisk, RiskPlace, lines_at_risk};
pub use waiting::{AgeClass, MAX_LINES_COUNTED, WaitingLine, backlog_by_age, waiting_lines};
