//! What somebody with bounds is shown: answers to commands without lines of others, and questions that are answered as if
//! there were nothing beyond the bounds.
//!
//! Nothing is shown that would name what is beyond them, not even as the place where a page ends.

mod answers;
mod events;
mod views;

use std::sync::Arc;

use crate::access::Principal;
use crate::ports::{EncodedEvent, EventFeed, Views};

pub(crate) use answers::Trim;
use events::BoundedEvents;
use views::BoundedViews;

/// The views, as far as somebody knows of what they show.
#[must_use]
pub fn views_for(principal: &Principal, views: &Arc<dyn Views>) -> Arc<dyn Views> {
    match principal.bounds() {
        None => Arc::clone(views),
        Some(bounds) => Arc::new(BoundedViews::new(Arc::clone(views), Arc::clone(bounds))),
    }
}

/// The events, as far as somebody knows of what they tell.
#[must_use]
pub fn events_for(principal: &Principal, events: &Arc<dyn EventFeed>) -> Arc<dyn EventFeed> {
    match principal.bounds() {
        None => Arc::clone(events),
        Some(bounds) => Arc::new(BoundedEvents::new(Arc::clone(events), Arc::clone(bounds))),
    }
}

/// Whether somebody knows of what an event tells.
#[must_use]
pub fn knows_of(principal: &Principal, event: &EncodedEvent) -> bool {
    let knows = |bounds| events::tells_within(bounds, event.subject.sku(), event.order.as_ref());
    principal.bounds().is_none_or(|bounds| knows(bounds))
}
