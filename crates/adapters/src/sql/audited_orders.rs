//! Pages of whole orders, for the audit: the rows of several tables, brought together by order id.

use std::collections::BTreeMap;

use earmark_application::StoreError;
use earmark_domain::{
    AllocationRecord, AuditedOrder, DispatchRecord, LineRecord, MAX_NAME_CHARS, OrderId, OrderRecord, SequencedEvent,
};

use super::decode::RowContext;

/// The order ids that a page takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderRange {
    /// The first.
    pub(crate) first: String,
    /// Comes after the last.
    pub(crate) end: String,
}

impl OrderRange {
    /// The next page. `kinds`: of each table the order ids of its next `rows` + 1 rows, ascending. `None`: there are no
    /// more.
    ///
    /// The page ends before the first order that has not all of its rows among these; but it has one order, however
    /// many rows that is.
    pub(crate) fn next(kinds: &[Vec<String>], rows: usize) -> Option<Self> {
        let first = kinds.iter().filter_map(|ids| ids.first()).min()?.clone();
        let cut = kinds.iter().filter_map(|ids| ids.get(rows)).min();
        let end = match cut {
            // Names have no control characters: this comes after the name, and before all that begin with it.
            Some(cut) if *cut == first => format!("{first}\u{1}"),
            Some(cut) => cut.clone(),
            // No name is so long, so this comes after all of them.
            None => "\u{10ffff}".repeat(MAX_NAME_CHARS + 1),
        };
        Some(Self { first, end })
    }
}

/// Orders whose rows are added in any order.
#[derive(Debug, Default)]
pub(crate) struct AuditedOrders(BTreeMap<OrderId, AuditedOrder>);

impl AuditedOrders {
    /// Adds the header of an order.
    pub(crate) fn header(&mut self, header: OrderRecord) {
        let order = self.order(&header.id);
        order.header = Some(header);
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: LineRecord) {
        self.order(&line.terms.key.order.clone()).lines.push(line);
    }

    /// Adds an allocation.
    pub(crate) fn allocation(&mut self, allocation: AllocationRecord) {
        self.order(&allocation.key.order.clone()).allocations.push(allocation);
    }

    /// Adds a dispatch.
    pub(crate) fn dispatch(&mut self, dispatch: DispatchRecord) {
        self.order(&dispatch.key.order.clone()).dispatches.push(dispatch);
    }

    /// Adds an event to the order under whose id it was found, whatever its data say.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if that is no order id.
    pub(crate) fn event(&mut self, order: &str, event: SequencedEvent) -> Result<(), StoreError> {
        let at = RowContext {
            table: "events",
            key: &event.sequence,
        };
        let order = at.read("order_id", OrderId::new(order))?;
        self.order(&order).events.push(event);
        Ok(())
    }

    /// The orders by order id; the rows of each by line and batch, the events by sequence.
    pub(crate) fn finish(self) -> Vec<AuditedOrder> {
        let mut orders: Vec<AuditedOrder> = self.0.into_values().collect();
        for order in &mut orders {
            order.lines.sort_unstable_by(|a, b| a.terms.key.cmp(&b.terms.key));
            order
                .allocations
                .sort_unstable_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
            order
                .dispatches
                .sort_unstable_by(|a, b| (&a.key, &a.batch).cmp(&(&b.key, &b.batch)));
            order.events.sort_unstable_by_key(|event| event.sequence);
        }
        orders
    }

    fn order(&mut self, id: &OrderId) -> &mut AuditedOrder {
        self.0.entry(id.clone()).or_insert_with(|| AuditedOrder {
            id: id.clone(),
            header: None,
            lines: Vec::new(),
            allocations: Vec::new(),
            dispatches: Vec::new(),
            events: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_page_ends_before_the_first_order_that_is_not_read_whole() {
        let next = OrderRange::next(&[ids("b b c d"), ids("a b e"), ids("")], 3);
        let expected = OrderRange {
            first: "a".into(),
            end: "d".into(),
        };
        assert_eq!(next, Some(expected));
    }

    #[test]
    fn an_order_with_more_rows_than_a_page_is_a_page_of_its_own() {
        let range = OrderRange::next(&[ids("a a a a"), ids("a b")], 3).expect("there is an order");
        for (id, is_in) in [("a", true), ("a ", false), ("aa", false), ("b", false), ("A", false)] {
            let found = range.first.as_str() <= id && id < range.end.as_str();
            assert_eq!(found, is_in, "{id:?}");
        }
    }

    #[test]
    fn the_last_page_has_all_that_is_left_and_then_there_is_none() {
        let range = OrderRange::next(&[ids("b"), ids("a")], 3).expect("there is an order");
        assert_eq!(range.first, "a");
        assert!("\u{10ffff}".repeat(MAX_NAME_CHARS) < range.end);
        assert_eq!(OrderRange::next(&[ids(""), ids("")], 3), None);
    }
}
