//! The answers to commands within bounds: what a command has done to others is left out.

use earmark_domain::{Effects, LineView, OrderView, Outcome};

use crate::access::Bounds;

/// What can be shown without what is beyond bounds.
pub(crate) trait Trim {
    /// The same, of which only what is within bounds is left.
    #[must_use]
    fn within(self, bounds: &Bounds) -> Self;
}

impl Trim for Outcome {
    fn within(mut self, bounds: &Bounds) -> Self {
        match &mut self {
            Self::ProductPut { effects, .. }
            | Self::BatchCreated { effects, .. }
            | Self::BatchChanged { effects, .. }
            | Self::BatchReceived { effects, .. }
            | Self::Reallocated { effects, .. } => trim_effects(effects, bounds),
            Self::OrderTermsChanged { order, effects, .. } => {
                trim_order(order, bounds);
                trim_effects(effects, bounds);
            }
            Self::OrderPlaced { order, .. }
            | Self::OrderDispatched { order, .. }
            | Self::OrderChanged { order, .. } => trim_order(order, bounds),
            // These are about lines that the command names, and about no others.
            Self::LinePlaced { .. } | Self::Quoted { .. } => {}
            Self::AlreadyProcessed(_) | Self::HoldsExpired { .. } | Self::Continued { .. } | Self::DayPassed { .. } => {
            }
        }
        self
    }
}

fn trim_effects(effects: &mut Effects, bounds: &Bounds) {
    let has_line = |line: &LineView| bounds.has_line(line);
    effects.allocated.retain(has_line);
    effects.backordered.retain(has_line);
    // These are of the product that the command is about.
    effects.reallocated.retain(|moved| bounds.has_order(&moved.key.order));
    effects
        .promise_changed
        .retain(|moved| bounds.has_order(&moved.key.order));
}

/// Lines may have been added to an order since it was placed.
fn trim_order(order: &mut OrderView, bounds: &Bounds) {
    order.lines.retain(|line| bounds.has_line(line));
}
