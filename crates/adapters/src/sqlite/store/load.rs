//! Reads what a scope names, and no more.
//!
//! Every look-up uses the leading columns of an index, so the cost follows the scope and not the tables;
//! `tests::plans` checks that the planner sees it the same way.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::not;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, BACKLOG_PAGE, BATCH_PAGE, BacklogScope, BatchPageEnd, BatchRecord, CHANGE_PAGE, DispatchRecord,
    JoinedOrder, LineKey, LineRecord, Loaded, Location, MessageId, NextHold, OrderId, OrderRecord, Processed,
    ProductRecord, Reference, ReleaseRead, ReleaseScope, Scope, ServicePosition, ServiceRead, Sku,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::builder::{Backordered, first_rows, one_of, pair, pair_one_of};
use super::super::cursors::served_after;
use super::super::error::store_error;
use super::super::read::dispatches::dispatches_of;
use super::super::rows::{self, AllocationRow, BatchRow, OrderRow, PlacedLineRow, ProductRow};
use super::super::schema::{batches, further_allocations, inbox, lines, orders, products};
use super::super::statement::{Statement, statement};
use super::deferred_index::DeferredIndex;
use super::release::{lines_to_release, units_to_release};
use super::service::{most_available, to_break, to_improve};

/// Reads the scope's part of the tables, in the open transaction. Writes the entries of the deferred index that wait, where
/// the lines of a batch have to be found.
pub(super) fn load(
    connection: &mut SqliteConnection,
    deferred_index: &mut DeferredIndex,
    scope: &Scope,
) -> Result<Loaded, StoreError> {
    let mut reader = Reader {
        connection,
        skus: scope.skus.clone(),
        batches: BTreeMap::new(),
        lines: BTreeMap::new(),
        placed_with: BTreeMap::new(),
    };
    let processed = processed(reader.connection, &scope.messages)?;
    let known_locations = reader.known_locations(&scope.locations)?;
    reader.named_batches(&scope.batches)?;
    reader.lines_of_orders(&scope.orders)?;
    reader.named_lines(&scope.lines)?;
    let products = reader.products()?;
    let mut batch_pages_cut = Vec::new();
    for product in &products {
        let all = scope.all_batches_of.contains(&product.sku);
        batch_pages_cut.extend(reader.open_batches(&product.sku, all)?);
    }
    let mut backlog = Vec::new();
    for product in &products {
        if let Some(page) = scope.backlog_of(product) {
            backlog.push(reader.backlog(&product.sku, &page)?);
        }
    }
    let mut improvable = None;
    if let Some(page) = scope.improvement_of(&products) {
        let (keys, more) = to_improve(reader.connection, &page)?;
        let last = reader.lines_by_key(&keys)?;
        improvable = Some(ServiceRead {
            sku: page.sku,
            until: last.filter(|_| more),
        });
    }
    let mut more_to_break = false;
    if let Some(day) = scope.day {
        for product in &products {
            reader.untold_delays(&product.sku, day)?;
            let (keys, more) = to_break(reader.connection, &product.sku, day)?;
            reader.lines_by_key(&keys)?;
            more_to_break |= more;
        }
    }
    let releases = reader.releases(scope.releases_of(&products), deferred_index)?;
    let mut next_holds = Vec::new();
    for product in products.iter().filter(|product| scope.holds.contains(&product.sku)) {
        next_holds.push(NextHold {
            at: next_hold(reader.connection, &product.sku, &scope.orders)?,
            sku: product.sku.clone(),
        });
    }
    let allocations = reader.allocations()?;
    let dispatches = reader.dispatches()?;
    reader.batches_of(allocations.iter().map(|allocation| &allocation.batch))?;
    if scope.dispatches {
        reader.batches_of(dispatches.iter().map(|dispatch| &dispatch.batch))?;
    }
    let orders = reader.orders(scope)?;
    let joined = reader.joined(&scope.joined)?;
    Ok(Loaded {
        products,
        batches: reader.batches.into_values().collect(),
        batch_pages_cut,
        known_locations,
        orders,
        joined,
        lines: reader.lines.into_values().collect(),
        allocations,
        dispatches,
        next_holds,
        backlog,
        improvable,
        more_to_break,
        releases,
        processed,
    })
}

/// Whether none of the lines and orders that the scope names exist, and the orders that lines are added to are new or
/// plain: neither held nor cancelled, and without terms of their own. So a line that is added gets the terms that it
/// would get alone.
///
/// By hand: it runs for each line that is placed, and for one of a new order it is one look-up.
pub(super) fn are_new(connection: &mut SqliteConnection, scope: &Scope) -> Result<bool, StoreError> {
    // CROSS JOIN: the order's lines are looked for first. Told by an EXISTS, SQLite asks the other questions before.
    const LINE: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS named \
         CROSS JOIN lines AS known ON known.order_id = named.value ->> 0 \
         WHERE known.line_id = named.value ->> 1 \
         OR EXISTS (SELECT 1 FROM orders WHERE orders.order_id = known.order_id \
         AND (orders.priority <> 0 OR orders.required_by IS NOT NULL OR orders.hold_until IS NOT NULL)) \
         OR NOT EXISTS (SELECT 1 FROM lines \
         WHERE lines.order_id = known.order_id AND lines.state NOT IN ('cancelled', 'refused')))";
    // A line that was allocated alone has no order header.
    const ORDER: &str = "SELECT EXISTS (SELECT 1 FROM json_each(?) AS named \
         WHERE EXISTS (SELECT 1 FROM orders WHERE orders.order_id = named.value) \
         OR EXISTS (SELECT 1 FROM lines WHERE lines.order_id = named.value))";
    let lines = (!scope.lines.is_empty()).then(|| statement(LINE).list(scope.lines.iter().map(pair)));
    let orders = (!scope.orders.is_empty()).then(|| statement(ORDER).list(scope.orders.iter().map(OrderId::as_str)));
    for named in [lines, orders].into_iter().flatten() {
        let found: i64 = Statement::<BigInt>::get_result(named, connection).map_err(store_error)?;
        if found != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Those of these messages that were processed before, with how each ended.
pub(in crate::sqlite) fn processed<'m, Found: Default + FromIterator<(MessageId, Processed)>>(
    connection: &mut SqliteConnection,
    messages: impl IntoIterator<Item = &'m MessageId, IntoIter: ExactSizeIterator>,
) -> Result<Found, StoreError> {
    let messages = messages.into_iter();
    if messages.len() == 0 {
        return Ok(Found::default());
    }
    let pairs = messages.map(|message| [message.source(), message.id()]);
    let found: Vec<(String, String, Option<String>)> = inbox::table
        .filter(pair_one_of((inbox::source, inbox::message_id), pairs))
        .select((inbox::source, inbox::message_id, inbox::refusal))
        .load(connection)
        .map_err(store_error)?;
    found.into_iter().map(rows::processed_message).collect()
}

/// When the next hold on a product ends, except those of these orders.
fn next_hold(
    connection: &mut SqliteConnection,
    sku: &Sku,
    except: &BTreeSet<OrderId>,
) -> Result<Option<Timestamp>, StoreError> {
    let holds = lines::table
        .filter(lines::sku.eq(sku.as_str()))
        .filter(lines::hold_until.is_not_null())
        .filter(not(one_of(lines::order_id, except.iter().map(OrderId::as_str))))
        .order(lines::hold_until)
        .select(lines::hold_until.assume_not_null());
    let first = first_rows::<i64>(holds.load_iter(connection), 1)?;
    first.first().map(|until| rows::deadline(sku, *until)).transpose()
}

/// What has been read so far: each thing once, whatever ways lead to it, and in the order of its key.
struct Reader<'c> {
    connection: &'c mut SqliteConnection,
    skus: BTreeSet<Sku>,
    batches: BTreeMap<Reference, BatchRecord>,
    lines: BTreeMap<LineKey, LineRecord>,
    /// What these lines hold of what they were placed with.
    placed_with: BTreeMap<LineKey, AllocationRecord>,
}

impl Reader<'_> {
    fn add_batches(&mut self, found: Vec<BatchRow>) -> Result<(), StoreError> {
        for row in found {
            let batch = rows::batch(row)?;
            self.batches.insert(batch.reference.clone(), batch);
        }
        Ok(())
    }

    /// Adds lines, and answers the position of the last.
    fn add_lines(&mut self, found: Vec<PlacedLineRow>) -> Result<Option<ServicePosition>, StoreError> {
        let mut last = None;
        for row in found {
            let (line, placed_with) = rows::placed_line(&row)?;
            if let Some(placed_with) = placed_with {
                self.placed_with.insert(line.terms.key.clone(), placed_with);
            }
            last = Some(line.service_position());
            self.lines.insert(line.terms.key.clone(), line);
        }
        Ok(last)
    }

    /// Those of these locations at which a batch was ever created.
    ///
    /// By hand: the builder has no `EXISTS` on the rows of a list.
    fn known_locations(&mut self, locations: &BTreeSet<Location>) -> Result<BTreeSet<Location>, StoreError> {
        const KNOWN: &str = "SELECT json_each.value FROM json_each(?) \
             WHERE EXISTS (SELECT 1 FROM batches WHERE batches.location = json_each.value)";
        if locations.is_empty() {
            return Ok(BTreeSet::new());
        }
        let found: Vec<String> = statement::<Text>(KNOWN)
            .list(locations.iter().map(Location::as_str))
            .load(self.connection)
            .map_err(store_error)?;
        let is_found = |location: &&Location| found.iter().any(|name| name == location.as_str());
        Ok(locations.iter().filter(is_found).cloned().collect())
    }

    /// Batches by reference, with their products.
    fn named_batches(&mut self, references: &BTreeSet<Reference>) -> Result<(), StoreError> {
        self.batches_of(references.iter())?;
        self.skus.extend(self.batches.values().map(|batch| batch.sku.clone()));
        Ok(())
    }

    /// All lines of orders, with their products.
    fn lines_of_orders(&mut self, orders: &BTreeSet<OrderId>) -> Result<(), StoreError> {
        if orders.is_empty() {
            return Ok(());
        }
        let found = lines::table
            .filter(one_of(lines::order_id, orders.iter().map(OrderId::as_str)))
            .select(PlacedLineRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        self.add_lines(found)?;
        self.skus.extend(self.lines.values().map(|line| line.sku.clone()));
        Ok(())
    }

    /// Lines by their keys. Their products are not read for it: a line only matters with the product that the scope
    /// names, or because its key is taken.
    fn named_lines(&mut self, keys: &BTreeSet<LineKey>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let found = lines::table
            .filter(pair_one_of((lines::order_id, lines::line_id), keys.iter().map(pair)))
            .select(PlacedLineRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        self.add_lines(found).map(drop)
    }

    fn products(&mut self) -> Result<Vec<ProductRecord>, StoreError> {
        if self.skus.is_empty() {
            return Ok(Vec::new());
        }
        let found = products::table
            .filter(one_of(products::sku, self.skus.iter().map(Sku::as_str)))
            .order(products::sku)
            .select(ProductRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        found.into_iter().map(rows::product).collect()
    }

    /// The first batches of a product that have something available, in preference order, or all of them. Answers where
    /// it stopped, if there are more.
    fn open_batches(&mut self, sku: &Sku, all: bool) -> Result<Option<BatchPageEnd>, StoreError> {
        let most = if all { usize::MAX } else { BATCH_PAGE };
        // One more than is wanted shows whether there are more.
        let open = batches::table
            .filter(batches::sku.eq(sku.as_str()))
            .filter(batches::open)
            .order((batches::eta, batches::ordinal))
            .select(BatchRow::as_select());
        let mut found = first_rows::<BatchRow>(open.load_iter(self.connection), most.saturating_add(1))?;
        let more = found.len() > most;
        found.truncate(most);
        let mut last = None;
        for row in found {
            let batch = rows::batch(row)?;
            last = Some(batch.preference());
            self.batches.insert(batch.reference.clone(), batch);
        }
        Ok(last.filter(|_| more).map(|after| BatchPageEnd {
            sku: sku.clone(),
            after,
        }))
    }

    /// A page of a product's backlog, in order of service.
    fn backlog(&mut self, sku: &Sku, page: &BacklogScope) -> Result<ServiceRead, StoreError> {
        // One more than is wanted shows whether more wait.
        let waiting = lines::table
            .filter(lines::sku.eq(sku.as_str()))
            .filter(lines::state.eq(Backordered))
            .filter(served_after(page.after.as_ref()))
            .order((lines::rank, lines::placed_version, lines::order_id, lines::line_id))
            .select(PlacedLineRow::as_select());
        let mut found = if page.fitting {
            let (whole, split) = most_available(self.connection, sku)?;
            let fits = lines::quantity
                .le(whole)
                .or(lines::split.and(lines::quantity.le(split)));
            first_rows::<PlacedLineRow>(waiting.filter(fits).load_iter(self.connection), BACKLOG_PAGE + 1)?
        } else {
            first_rows::<PlacedLineRow>(waiting.load_iter(self.connection), BACKLOG_PAGE + 1)?
        };
        let more = found.len() > BACKLOG_PAGE;
        found.truncate(BACKLOG_PAGE);
        let last = self.add_lines(found)?;
        Ok(ServiceRead {
            sku: sku.clone(),
            until: last.filter(|_| more),
        })
    }

    /// The lines that may have to leave batches, a page of them in all.
    fn releases(
        &mut self,
        needs: Vec<ReleaseScope>,
        deferred_index: &mut DeferredIndex,
    ) -> Result<Vec<ReleaseRead>, StoreError> {
        self.batches_of(needs.iter().map(|need| &need.batch))?;
        let (mut releases, mut room, mut indexed) = (Vec::new(), CHANGE_PAGE, false);
        for ReleaseScope { batch, lines } in needs {
            let Some(record) = self.batches.get(&batch) else {
                continue;
            };
            let mut more = false;
            if !units_to_release(record, &lines)?.is_zero() {
                if !indexed {
                    deferred_index.write_all(self.connection)?;
                    indexed = true;
                }
                let leaving;
                (leaving, more) = lines_to_release(self.connection, record, &lines, room)?;
                room -= leaving.len();
                self.add_lines(leaving)?;
            }
            releases.push(ReleaseRead { batch, more });
        }
        Ok(releases)
    }

    /// Lines by their keys. Answers the last of them in the order of service.
    fn lines_by_key(&mut self, keys: &[(String, String)]) -> Result<Option<ServicePosition>, StoreError> {
        let pairs = keys.iter().map(|(order, line)| [order.as_str(), line.as_str()]);
        let mut found: Vec<PlacedLineRow> = lines::table
            .filter(pair_one_of((lines::order_id, lines::line_id), pairs))
            .select(PlacedLineRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        found.sort_by(|a, b| a.service_key().cmp(&b.service_key()));
        self.add_lines(found)
    }

    /// The batches of a product whose ETA lies before a day, if that was not told.
    fn untold_delays(&mut self, sku: &Sku, day: Date) -> Result<(), StoreError> {
        let found = batches::table
            .filter(batches::sku.eq(sku.as_str()))
            .filter(batches::eta.lt(day.to_string()))
            .filter(not(batches::closed))
            .filter(not(batches::overdue))
            .select(BatchRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        self.add_batches(found)
    }

    /// What all lines that have been read hold.
    fn allocations(&mut self) -> Result<Vec<AllocationRecord>, StoreError> {
        if self.lines.is_empty() {
            return Ok(Vec::new());
        }
        let key = (further_allocations::order_id, further_allocations::line_id);
        let further = further_allocations::table
            .filter(pair_one_of(key, self.lines.keys().map(pair)))
            .select(AllocationRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        let mut held: Vec<AllocationRecord> = std::mem::take(&mut self.placed_with).into_values().collect();
        for row in further {
            held.push(rows::allocation(&row)?);
        }
        held.sort_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
        Ok(held)
    }

    /// What all lines that have been read have dispatched.
    fn dispatches(&mut self) -> Result<Vec<DispatchRecord>, StoreError> {
        let leaving = self.lines.values().filter(|line| !line.dispatched.is_zero());
        dispatches_of(self.connection, leaving.map(LineRecord::key))
    }

    /// Those of these batches that have not been read yet.
    fn batches_of<'a>(&mut self, references: impl Iterator<Item = &'a Reference>) -> Result<(), StoreError> {
        let unread: BTreeSet<&Reference> = references
            .filter(|reference| !self.batches.contains_key(*reference))
            .collect();
        if unread.is_empty() {
            return Ok(());
        }
        let found = batches::table
            .filter(one_of(batches::reference, unread.into_iter().map(Reference::as_str)))
            .select(BatchRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        self.add_batches(found)
    }

    /// The states of the lines of orders that lines are added to.
    fn joined(&mut self, ids: &BTreeSet<OrderId>) -> Result<Vec<JoinedOrder>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<(String, String, Option<i64>)> = lines::table
            .filter(one_of(lines::order_id, ids.iter().map(OrderId::as_str)))
            .select((lines::order_id, lines::state, lines::hold_until))
            .distinct()
            .load(self.connection)
            .map_err(store_error)?;
        let mut lines: BTreeMap<OrderId, BTreeSet<_>> = BTreeMap::new();
        for (order, state, deadline) in &found {
            let (order, line) = rows::joined_line(order, state, *deadline)?;
            lines.entry(order).or_default().insert(line);
        }
        let orders = lines.into_iter().map(|(id, lines)| JoinedOrder { id, lines });
        Ok(orders.collect())
    }

    fn orders(&mut self, scope: &Scope) -> Result<Vec<OrderRecord>, StoreError> {
        if scope.orders.is_empty() && scope.joined.is_empty() {
            return Ok(Vec::new());
        }
        let ids = scope.orders.iter().chain(&scope.joined);
        let found = orders::table
            .filter(one_of(orders::order_id, ids.map(OrderId::as_str)))
            .order(orders::order_id)
            .select(OrderRow::as_select())
            .load(self.connection)
            .map_err(store_error)?;
        found.into_iter().map(rows::order).collect()
    }
}
