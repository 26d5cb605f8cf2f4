//! What the types promise, shown by code that does not compile. Each forbidden example stands below one that compiles
//! and differs from it in the forbidden step alone, so that it can't fail for another reason.
//!
//! # A batch can be read but not changed from outside
//!
//! ```
//! fn read(batch: &earmark_domain::Batch) -> &earmark_domain::Reference {
//!     batch.reference()
//! }
//! ```
//! ```compile_fail,E0616
//! fn read(batch: &earmark_domain::Batch) -> &earmark_domain::Reference {
//!     &batch.record.reference
//! }
//! ```
//!
//! # Where a line stands is decided in the ledger
//!
//! ```
//! fn place(line: &earmark_domain::Line) -> earmark_domain::LineState {
//!     line.state()
//! }
//! ```
//! ```compile_fail,E0616
//! fn place(line: &mut earmark_domain::Line) -> earmark_domain::LineState {
//!     line.standing.state = earmark_domain::LineState::Allocated;
//!     line.state()
//! }
//! ```
//!
//! # A product's version moves only with a change
//!
//! ```
//! fn version(product: &earmark_domain::Product) -> u64 {
//!     product.version()
//! }
//! ```
//! ```compile_fail,E0616
//! fn version(product: &mut earmark_domain::Product) -> u64 {
//!     product.record.version += 1;
//!     product.version()
//! }
//! ```
//!
//! # A ledger that is closed decides nothing any more
//!
//! ```
//! use earmark_domain::{Changes, Command, Ledger, Occasion, Starved};
//! fn run(mut ledger: Ledger, command: &Command, occasion: &Occasion) -> Result<Changes, Starved> {
//!     let _ = ledger.decide(command, occasion);
//!     ledger.close()
//! }
//! ```
//! ```compile_fail,E0382
//! use earmark_domain::{Changes, Command, Ledger, Occasion, Starved};
//! fn run(mut ledger: Ledger, command: &Command, occasion: &Occasion) -> Result<Changes, Starved> {
//!     let changes = ledger.close();
//!     let _ = ledger.decide(command, occasion);
//!     changes
//! }
//! ```
//!
//! # A decision that needs more to be read can't be stored
//!
//! ```
//! use earmark_domain::{Changes, Ledger, Starved};
//! fn end(ledger: Ledger) -> Result<Changes, Starved> {
//!     ledger.close()
//! }
//! ```
//! ```compile_fail,E0308
//! use earmark_domain::{Changes, Ledger};
//! fn end(ledger: Ledger) -> Changes {
//!     ledger.close()
//! }
//! ```
//!
//! # A reference is not a SKU
//!
//! ```
//! fn find(sku: &earmark_domain::Sku) {}
//! fn look(sku: &earmark_domain::Sku) {
//!     find(sku);
//! }
//! ```
//! ```compile_fail,E0308
//! fn find(sku: &earmark_domain::Sku) {}
//! fn look(reference: &earmark_domain::Reference) {
//!     find(reference);
//! }
//! ```
//!
//! # Nor is an unread text
//!
//! ```
//! fn sku(text: std::sync::Arc<str>) -> Result<earmark_domain::Sku, earmark_domain::NameError> {
//!     earmark_domain::Sku::new(text)
//! }
//! ```
//! ```compile_fail,E0423
//! fn sku(text: std::sync::Arc<str>) -> Result<earmark_domain::Sku, earmark_domain::NameError> {
//!     Ok(earmark_domain::Sku(text))
//! }
//! ```
//!
//! # A quantity is checked before it is one
//!
//! ```
//! fn three() -> Result<earmark_domain::Quantity, earmark_domain::QuantityError> {
//!     earmark_domain::Quantity::new(3)
//! }
//! ```
//! ```compile_fail,E0423
//! fn three() -> Result<earmark_domain::Quantity, earmark_domain::QuantityError> {
//!     Ok(earmark_domain::Quantity(core::num::NonZeroU32::MIN))
//! }
//! ```
//!
//! # Quantities of different kinds are not added by accident
//!
//! ```
//! fn sum(free: earmark_domain::Units, wanted: earmark_domain::Quantity) -> Option<earmark_domain::Units> {
//!     free.checked_add(wanted.units())
//! }
//! ```
//! ```compile_fail,E0308
//! fn sum(free: earmark_domain::Units, wanted: earmark_domain::Quantity) -> Option<earmark_domain::Units> {
//!     free.checked_add(wanted)
//! }
//! ```
