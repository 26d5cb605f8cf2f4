//! What planners ask: risks, whom a late batch hits, what helps, and what has become of a line. One sentence a test.

use earmark_domain::{
    Command, Hit, Improve, LineInBatch, LineRecord, NetChange, OnOrderShortage, OpenStock, OrderTerms, Part, Remedy,
    Risk, RiskKind, Standing, risk,
};
use jiff::civil::Date;

use crate::support::{
    Shop, allocate, allocate_split, backorder, cancel_line, change_order, count, create_at, create_batch, day,
    dispatch, hold, keep_back, key, place, place_on, precedence, put_off, receive, reference, shop, sku, to_day,
    to_locations, units,
};

fn required_by(id: &str, of: &str, quantity: u32, by: Option<Date>) -> Command {
    let terms = OrderTerms {
        precedence: precedence(0, by),
        on_shortage: OnOrderShortage::Backorder,
        ..OrderTerms::default()
    };
    place_on(id, &[(of, of, quantity)], terms)
}

impl Shop {
    fn line(&self, order: &str) -> &LineRecord {
        self.lines
            .iter()
            .find(|(key, _)| key.order.as_str() == order)
            .map(|(_, line)| line)
            .expect("a line")
    }

    /// The units of a line, each with the ETA of its batch.
    fn parts(&self, order: &str) -> Vec<(Part, Option<Date>)> {
        let held = self
            .allocations
            .values()
            .filter(|held| held.key.order.as_str() == order);
        let part = held.map(|held| {
            let part = Part {
                batch: held.batch.clone(),
                quantity: held.quantity,
            };
            (part, self.batches[&held.batch].eta)
        });
        part.collect()
    }

    fn risk(&self, order: &str) -> Option<Risk> {
        let now = self.next_context().now;
        risk(self.line(order), &self.parts(order), now, self.today())
    }

    fn kind_and_days(&self, order: &str) -> Option<(RiskKind, u32)> {
        self.risk(order).map(|risk| (risk.kind, risk.days))
    }

    fn open_stock(&self) -> OpenStock {
        let mut batches: Vec<_> = self
            .batches
            .values()
            .filter(|batch| batch.available().get() > 0)
            .cloned()
            .collect();
        batches.sort_by_key(|batch| batch.preference());
        OpenStock {
            product: self.products[&sku("LAMP")].clone(),
            batches,
            until: None,
        }
    }

    fn hits(&self, late: &str, orders: &[&str]) -> Vec<Hit> {
        let lines: Vec<LineInBatch> = orders
            .iter()
            .map(|order| LineInBatch {
                record: self.line(order).clone(),
                parts: self.parts(order),
            })
            .collect();
        let context = self.next_context();
        let at = (context.now, context.today);
        self.open_stock()
            .whom_it_hits(&reference(late), &lines, self.promising, at)
    }

    fn remedy(&self, order: &str) -> Option<Remedy> {
        let context = self.next_context();
        let at = (context.now, context.today);
        let remedies = self.open_stock().remedies([self.line(order)], self.promising, at);
        remedies.into_iter().next().expect("one for each line")
    }

    /// Where a line stands after so many events, or all of them.
    fn standing(&self, order: &str, events: usize) -> Standing {
        let of_line = self.events.iter().take(events).filter(|event| {
            let line = event.fact.line();
            line.is_some_and(|line| line.order.as_str() == order)
        });
        of_line.fold(Standing::default(), |standing, event| standing.after(&event.fact))
    }

    /// What has become of a line since there were so many events.
    fn became(&self, order: &str, events: usize) -> Option<NetChange> {
        let now = self.standing(order, self.events.len());
        self.standing(order, events).change_to(now)
    }
}

mod a_risk {
    use super::*;

    #[test]
    fn is_that_a_line_is_promised_for_later_than_it_is_required_by() {
        let shop = shop(&[
            create_batch("ship", "LAMP", 5, Some(day(9))),
            required_by("o1", "LAMP", 2, Some(day(7))),
            required_by("o2", "LAMP", 2, Some(day(9))),
        ]);
        let risk = shop.risk("o1").expect("a risk");
        assert_eq!((risk.kind, risk.days), (RiskKind::PromisedLate, 2));
        assert_eq!(risk.batch, Some(reference("ship")));
        assert_eq!(shop.risk("o2"), None);
    }

    #[test]
    fn is_a_batch_that_is_overdue_until_it_has_arrived() {
        let mut shop = shop(&[
            create_batch("ship", "LAMP", 5, Some(day(2))),
            required_by("soon", "LAMP", 2, Some(day(3))),
            required_by("any", "LAMP", 2, None),
        ]);
        assert_eq!(shop.risk("any"), None);
        while shop.today() < day(5) {
            shop.advance_days(1);
        }
        shop.pass_day();
        assert_eq!(shop.kind_and_days("any"), Some((RiskKind::BatchOverdue, 3)));
        // It leaves tomorrow at the earliest.
        assert_eq!(shop.kind_and_days("soon"), Some((RiskKind::PromisedLate, 3)));
        shop.run(&receive("ship", None)).expect("received");
        assert_eq!(shop.risk("any"), None);
    }

    #[test]
    fn is_that_a_line_waits_although_it_is_due() {
        let mut shop = shop(&[
            create_batch("b", "LAMP", 1, None),
            required_by("o1", "LAMP", 2, Some(day(4))),
        ]);
        assert_eq!(shop.risk("o1"), None);
        while shop.today() < day(4) {
            shop.advance_days(1);
        }
        assert_eq!(shop.kind_and_days("o1"), Some((RiskKind::Waiting, 0)));
        shop.advance_days(2);
        assert_eq!(shop.kind_and_days("o1"), Some((RiskKind::Waiting, 2)));
        shop.run(&cancel_line("o1", "LAMP")).expect("cancelled");
        assert_eq!(shop.risk("o1"), None);
    }

    #[test]
    fn ends_when_the_order_is_required_later() {
        let mut shop = shop(&[
            create_batch("ship", "LAMP", 5, Some(day(9))),
            required_by("o1", "LAMP", 2, Some(day(7))),
        ]);
        shop.run(&change_order("o1", to_day(Some(day(10))))).expect("changed");
        assert_eq!(shop.risk("o1"), None);
    }
}

mod a_late_batch {
    use super::*;

    #[test]
    fn hurts_who_counts_on_an_earlier_day_and_nobody_who_has_time() {
        let mut shop = shop(&[
            create_batch("ship", "LAMP", 9, Some(day(3))),
            required_by("promised", "LAMP", 2, None),
            required_by("early", "LAMP", 2, Some(day(4))),
            required_by("late", "LAMP", 2, Some(day(9))),
        ]);
        shop.run(&put_off("ship", day(6))).expect("put off");
        let hits = shop.hits("ship", &["promised", "early", "late"]);
        assert_eq!(hits, [Hit::Hurt(3), Hit::Hurt(2), Hit::Slack(3)]);
    }

    /// A ship with lines of two units for the orders, which nothing moves by itself.
    fn overdue_ship(orders: &[(&str, Option<Date>)], until: Date) -> Shop {
        let mut shop = shop(&[create_batch("ship", "LAMP", 9, Some(day(2)))]);
        shop.promising.improve = Improve::Off;
        for (order, by) in orders {
            shop.run(&required_by(order, "LAMP", 2, *by)).expect("placed");
        }
        while shop.today() < until {
            shop.advance_days(1);
        }
        shop
    }

    #[test]
    fn does_not_hurt_who_could_have_other_stock_that_leaves_in_time() {
        let mut shop = overdue_ship(&[("o1", Some(day(4)))], day(4));
        shop.run(&create_batch("plane", "LAMP", 3, Some(day(5))))
            .expect("created");
        assert_eq!(shop.hits("ship", &["o1"]), [Hit::Hurt(1)], "the plane is as late");
        shop.run(&create_batch("truck", "LAMP", 3, None)).expect("created");
        let to = Vec::from([Part {
            batch: reference("truck"),
            quantity: units(2),
        }]);
        assert_eq!(shop.hits("ship", &["o1"]), [Hit::Movable(to)]);
    }

    #[test]
    fn leaves_other_stock_to_who_is_served_first_and_counts_it_once() {
        let orders = [
            ("first", Some(day(3))),
            ("second", Some(day(3))),
            ("missed", Some(day(2))),
        ];
        let mut shop = overdue_ship(&orders, day(3));
        shop.run(&create_batch("truck", "LAMP", 3, None)).expect("created");
        let hits = shop.hits("ship", &["second", "missed", "first"]);
        // What is required by a day that has passed is late whatever happens, and takes nothing.
        assert!(
            matches!(&hits[..], [Hit::Hurt(1), Hit::Hurt(2), Hit::Movable(_)]),
            "{hits:?}"
        );
    }
}

mod a_remedy {
    use super::*;

    #[test]
    fn of_a_line_that_waits_is_the_smallest_change_that_lets_it_fit() {
        let mut shop = shop(&[
            create_batch("b1", "LAMP", 3, None),
            create_batch("b2", "LAMP", 3, None),
            backorder("o1", "LAMP", 5),
        ]);
        assert_eq!(shop.remedy("o1"), Some(Remedy::Split));
        shop.run(&count("b2", 1)).expect("counted");
        assert!(matches!(shop.remedy("o1"), Some(Remedy::Quantity(_))));
        shop.run(&count("b2", 0)).expect("counted");
        shop.run(&count("b1", 0)).expect("counted");
        assert!(matches!(shop.remedy("o1"), Some(Remedy::MoreStock(units)) if units.get() == 5));
    }

    #[test]
    fn may_be_another_location_or_less_safety_stock() {
        let mut shop = shop(&[
            create_at("b1", "LAMP", 3, "main"),
            create_at("b2", "LAMP", 9, "north"),
            place("o1", &[("1", "LAMP", 5)], OnOrderShortage::Backorder, false),
        ]);
        shop.run(&change_order("o1", to_locations(&["main"]))).expect("changed");
        assert!(matches!(shop.remedy("o1"), Some(Remedy::Location(location)) if location.as_str() == "north"));
        shop.run(&keep_back("LAMP", 9)).expect("kept back");
        shop.run(&backorder("o2", "LAMP", 6)).expect("it waits");
        assert!(matches!(shop.remedy("o2"), Some(Remedy::SafetyStock(units)) if units.get() == 6));
    }
}

mod what_has_become_of_a_line {
    use super::*;

    #[test]
    fn is_told_all_in_all_and_not_step_by_step() {
        let mut shop = shop(&[
            create_batch("ship", "LAMP", 9, Some(day(5))),
            allocate("o1", "LAMP", 2),
            allocate("o2", "LAMP", 2),
            allocate_split("o3", "LAMP", 2),
        ]);
        let since = shop.events.len();
        shop.run(&put_off("ship", day(9))).expect("put off");
        assert_eq!(shop.became("o1", since), Some(NetChange::Delayed));
        shop.run(&put_off("ship", day(5))).expect("put off");
        assert_eq!(shop.became("o1", since), None, "it is promised as it was");
        shop.run(&count("ship", 5)).expect("counted");
        assert_eq!(shop.became("o3", since), Some(NetChange::Lost));
        shop.run(&create_batch("truck", "LAMP", 2, None)).expect("created");
        assert_eq!(shop.became("o3", since), Some(NetChange::Improved));
        assert_eq!(shop.became("o3", 0), Some(NetChange::New));
        shop.run(&receive("ship", None)).expect("received");
        assert_eq!(shop.became("o1", since), Some(NetChange::Improved));
        shop.run(&dispatch("o1", None)).expect("dispatched");
        assert_eq!(shop.became("o1", since), None, "it has left");
        shop.run(&cancel_line("o2", "LAMP")).expect("cancelled");
        assert_eq!(shop.became("o2", since), None, "nobody waits for it");
    }

    #[test]
    fn is_nothing_when_its_hold_was_placed_and_expired() {
        let mut shop = shop(&[create_batch("b", "LAMP", 9, None)]);
        let since = shop.events.len();
        shop.run(&hold("o1", "LAMP", 2, 60)).expect("held");
        assert_eq!(shop.became("o1", since), Some(NetChange::New));
        shop.advance_clock(61);
        shop.sweep();
        assert_eq!(shop.became("o1", since), None);
        assert_eq!(shop.standing("o1", shop.events.len()), Standing::Ended);
        assert!(shop.lines.contains_key(&key("o1", "LAMP")));
    }
}
