//! Guarantees of the domain's types, shown by code that does not compile. Each forbidden example comes after one that
//! compiles and differs in the forbidden step alone, so that it can't fail for another reason.
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
//! # Only the unit of work changes a line's state
//!
//! ```
//! fn state(line: &earmark_domain::Line) -> earmark_domain::LineState {
//!     line.state()
//! }
//! ```
//! ```compile_fail,E0616
//! fn state(line: &mut earmark_domain::Line) -> earmark_domain::LineState {
//!     line.status.state = earmark_domain::LineState::Allocated;
//!     line.state()
//! }
//! ```
//!
//! # A product's version changes only with the product
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
//! # A closed unit of work decides nothing more
//!
//! ```
//! use earmark_domain::{ChangeSet, Command, DecisionContext, NeedsAllBatches, UnitOfWork};
//! fn run(mut work: UnitOfWork, command: &Command, context: &DecisionContext) -> Result<ChangeSet, NeedsAllBatches> {
//!     let _ = work.decide(command, context);
//!     work.close()
//! }
//! ```
//! ```compile_fail,E0382
//! use earmark_domain::{ChangeSet, Command, DecisionContext, NeedsAllBatches, UnitOfWork};
//! fn run(mut work: UnitOfWork, command: &Command, context: &DecisionContext) -> Result<ChangeSet, NeedsAllBatches> {
//!     let changes = work.close();
//!     let _ = work.decide(command, context);
//!     changes
//! }
//! ```
//!
//! # A decision that needs more batches can't be stored
//!
//! ```
//! use earmark_domain::{ChangeSet, NeedsAllBatches, UnitOfWork};
//! fn end(work: UnitOfWork) -> Result<ChangeSet, NeedsAllBatches> {
//!     work.close()
//! }
//! ```
//! ```compile_fail,E0308
//! use earmark_domain::{ChangeSet, UnitOfWork};
//! fn end(work: UnitOfWork) -> ChangeSet {
//!     work.close()
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
//! # Nor is an unchecked text
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
//! # A quantity is always checked
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
//! # Quantities of different types are not added by accident
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
