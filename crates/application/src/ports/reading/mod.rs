//! What answers questions and finds work, from the same tables as the commands.

mod audit;
mod event_feed;
mod exports;
mod outlook;
mod views;
mod worklist;

pub use audit::Audit;
pub use event_feed::{EncodedEvent, EventFeed, EventFilter, EventPage};
pub use exports::{Exports, LineFilter};
pub use outlook::{Counted, DueList, DuePlace, EndingHolds, EtaPlace, Outlook, PlacedBetween, PlacedPlace};
pub use views::{BatchSelection, MAX_LIST_ROWS, OrderSelection, Page, Views};
pub use worklist::{DueOrder, Worklist};
