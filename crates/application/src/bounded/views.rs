//! Views within bounds.
//!
//! Orders and products are listed in the order of their names, so those with a prefix stand together: a page is read from
//! prefix to prefix.

use std::sync::Arc;

use async_trait::async_trait;
use earmark_domain::{LineState, OrderId, Reference, ServicePosition, Sku};
use jiff::Timestamp;

use crate::access::{Bounds, Prefix};
use crate::ports::{BatchSelection, OrderSelection, Page, Views};
use crate::read_models::{BatchRead, LineRead, OrderRead, ProductRead, ProductSummary};
use crate::store_error::StoreError;

/// The views within bounds.
pub(super) struct BoundedViews {
    views: Arc<dyn Views>,
    bounds: Arc<Bounds>,
}

/// Where the reading of the names with a prefix begins.
enum Begin<'a, Name> {
    /// Nowhere: all of them stand before the place where the list goes on.
    Past,
    /// With the prefix as a name, and those behind it.
    With(Name),
    /// Behind this name.
    Behind(&'a Name),
}

/// Where to begin behind the name `after`.
fn begin<'a, Name: AsName>(prefix: &Prefix, after: Option<&'a Name>) -> Result<Begin<'a, Name>, StoreError> {
    match after {
        Some(after) if after.text().starts_with(prefix.as_str()) => Ok(Begin::Behind(after)),
        Some(after) if after.text() > prefix.as_str() => Ok(Begin::Past),
        _ => Ok(Begin::With(Name::of(prefix)?)),
    }
}

/// A kind of name. A prefix is one.
trait AsName: Sized {
    fn text(&self) -> &str;
    fn of(prefix: &Prefix) -> Result<Self, StoreError>;
}

impl AsName for OrderId {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn of(prefix: &Prefix) -> Result<Self, StoreError> {
        Self::new(prefix.as_str()).map_err(|error| StoreError::Corrupt(format!("the prefix {prefix} {error}")))
    }
}

impl AsName for Sku {
    fn text(&self) -> &str {
        self.as_str()
    }

    fn of(prefix: &Prefix) -> Result<Self, StoreError> {
        Self::new(prefix.as_str()).map_err(|error| StoreError::Corrupt(format!("the prefix {prefix} {error}")))
    }
}

impl BoundedViews {
    pub(super) fn new(views: Arc<dyn Views>, bounds: Arc<Bounds>) -> Self {
        Self { views, bounds }
    }

    /// The lines of an order that are within bounds; `None`: there are none.
    fn trimmed(&self, mut order: OrderRead) -> Option<OrderRead> {
        order.lines.retain(|line| self.bounds.has_sku(&line.record.sku));
        let is_known = self.bounds.has_order(&order.id) && !order.lines.is_empty();
        is_known.then_some(order)
    }
}

/// Whether a selection has an order.
fn selects(selection: &OrderSelection, order: &OrderRead) -> bool {
    order.lines.iter().any(|line| {
        let is_of_product = selection.sku.as_ref().is_none_or(|sku| line.record.sku == *sku);
        is_of_product && (!selection.waiting || line.record.state == LineState::Backordered)
    })
}

/// Whether a product has a text in its SKU or its name, in any case.
fn contains(product: &ProductSummary, search: &str) -> bool {
    let search = search.to_lowercase();
    let name = product.name.as_ref().map(|name| name.as_str());
    let mut texts = [Some(product.sku.as_str()), name].into_iter().flatten();
    texts.any(|text| text.to_lowercase().contains(&search))
}

#[async_trait]
impl Views for BoundedViews {
    async fn batch(&self, reference: &Reference, now: Timestamp) -> Result<Option<BatchRead>, StoreError> {
        let batch = self.views.batch(reference, now).await?;
        Ok(batch.filter(|batch| self.bounds.has_sku(&batch.record.sku)))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<OrderRead>, StoreError> {
        if !self.bounds.has_order(id) {
            return Ok(None);
        }
        Ok(self.views.order(id).await?.and_then(|order| self.trimmed(order)))
    }

    /// Of one product where not all are within bounds: [`may`](crate::may) sees to that.
    async fn list_batches(
        &self,
        selection: &BatchSelection,
        after: Option<&Reference>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Page<BatchRead, Reference>, StoreError> {
        let is_known = match &selection.sku {
            Some(sku) => self.bounds.has_sku(sku),
            None => self.bounds.skus.is_empty(),
        };
        if !is_known {
            return Ok(Page {
                items: Vec::new(),
                next: None,
            });
        }
        self.views.list_batches(selection, after, now, limit).await
    }

    /// Where all products are within bounds: [`may`](crate::may) sees to that.
    async fn list_orders(
        &self,
        selection: &OrderSelection,
        after: Option<&OrderId>,
        limit: usize,
    ) -> Result<Page<OrderRead, OrderId>, StoreError> {
        let mut items = Vec::new();
        if !self.bounds.skus.is_empty() {
            return Ok(Page { items, next: None });
        }
        for prefix in self.bounds.orders.iter() {
            let behind = match begin(prefix, after)? {
                Begin::Past => continue,
                Begin::Behind(after) => after.clone(),
                Begin::With(first) => {
                    if items.len() < limit {
                        let order = self.views.order(&first).await?;
                        items.extend(order.filter(|order| selects(selection, order)));
                    }
                    first
                }
            };
            let room = limit.saturating_sub(items.len());
            if room == 0 {
                // That there are more is not known; the next page may be empty.
                let next = items.last().map(|last: &OrderRead| last.id.clone());
                return Ok(Page { items, next });
            }
            let mut page = self.views.list_orders(selection, Some(&behind), room).await?;
            page.items.retain(|order| order.id.text().starts_with(prefix.as_str()));
            items.append(&mut page.items);
            // Behind a name beyond the prefix nothing of it follows.
            if let Some(next) = page.next.filter(|next| next.text().starts_with(prefix.as_str())) {
                let next = Some(next);
                return Ok(Page { items, next });
            }
        }
        Ok(Page { items, next: None })
    }

    async fn product(&self, sku: &Sku, now: Timestamp) -> Result<Option<ProductRead>, StoreError> {
        if !self.bounds.has_sku(sku) {
            return Ok(None);
        }
        self.views.product(sku, now).await
    }

    async fn products(
        &self,
        search: Option<&str>,
        after: Option<&Sku>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<ProductSummary>, StoreError> {
        if self.bounds.skus.is_empty() {
            return self.views.products(search, after, now, limit).await;
        }
        let mut items = Vec::new();
        for prefix in self.bounds.skus.iter() {
            let behind = match begin(prefix, after)? {
                Begin::Past => continue,
                Begin::Behind(after) => after.clone(),
                Begin::With(first) => {
                    let product = self.views.product(&first, now).await?.map(|product| product.summary);
                    items.extend(product.filter(|product| search.is_none_or(|search| contains(product, search))));
                    first
                }
            };
            let room = limit.saturating_sub(items.len());
            if room > 0 {
                let products = self.views.products(search, Some(&behind), now, room).await?;
                let with_prefix = products.into_iter();
                items.extend(with_prefix.take_while(|product| product.sku.text().starts_with(prefix.as_str())));
            }
            if items.len() >= limit {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// Where all orders are within bounds: [`may`](crate::may) sees to that.
    async fn backlog(
        &self,
        sku: &Sku,
        after: Option<&ServicePosition>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<Vec<LineRead>>, StoreError> {
        if !self.bounds.has_sku(sku) {
            return Ok(None);
        }
        let lines = self.views.backlog(sku, after, now, limit).await?;
        if self.bounds.orders.is_empty() {
            return Ok(lines);
        }
        Ok(lines.map(|_| Vec::new()))
    }
}
