//! Random shops: few names and small numbers, so that commands meet.

use earmark_domain::Command;
use fastrand::Rng;

use crate::build::{
    allocate, allocate_or_wait, allocate_split, cancel_batch, cancel_order, confirm, count_batch, create_batch,
    create_inbound, dispatch, expect_batch, hold, keep_back, place_before, precedence, receive_batch, replace,
    undo_dispatch,
};
use crate::shop_engine::ShopEngine;

pub(super) const SKUS: [&str; 3] = ["DESK", "LAMP", "SOFA"];

pub(super) struct RandomShop {
    random: Rng,
    batches: u32,
    orders: u32,
}

impl RandomShop {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Rng::with_seed(seed),
            batches: 0,
            orders: 0,
        }
    }

    fn day(&mut self, shop: &ShopEngine, from: i8, to: i8) -> String {
        let days = jiff::Span::new().days(self.random.i8(from..to));
        shop.today().checked_add(days).expect("a day").to_string()
    }

    fn command(&mut self, shop: &ShopEngine) -> Command {
        let sku = SKUS[self.random.usize(..SKUS.len())];
        let units = self.random.u32(1..12);
        let new_order = format!("o{}", self.orders);
        let old_order = format!("o{}", self.random.u32(..=self.orders));
        let old_batch = format!("b{}", self.random.u32(..=self.batches));
        match self.random.u32(..20) {
            0 | 1 => {
                self.batches += 1;
                create_batch(&format!("b{}", self.batches), sku, units)
            }
            2..=4 => {
                self.batches += 1;
                let eta = self.day(shop, 0, 9);
                create_inbound(&format!("b{}", self.batches), sku, 3 * units, &eta)
            }
            5..=9 => {
                self.orders += 1;
                let day = self.random.bool().then(|| self.day(shop, -1, 9));
                let priority = self.random.i32(-2..3);
                place_before(
                    &new_order,
                    &[("1", sku, units), ("2", SKUS[0], 1)],
                    precedence(priority, day.as_deref()),
                )
            }
            10 => {
                self.orders += 1;
                allocate_split(&new_order, sku, 2 * units)
            }
            11 => {
                self.orders += 1;
                [allocate, allocate_or_wait][self.random.usize(..2)](&new_order, sku, units)
            }
            12 => {
                self.orders += 1;
                hold(&new_order, &[("1", sku, units)], self.random.u32(60..7_000))
            }
            13 if self.random.bool() => {
                let wanted = SKUS[self.random.usize(..SKUS.len())];
                replace(&old_order, &[("1", wanted, units)], 600)
            }
            13 => confirm(&old_order),
            14 => cancel_order(&old_order),
            15 => expect_batch(&old_batch, &self.day(shop, 0, 12)),
            16 => count_batch(&old_batch, units),
            17 => [receive_batch, cancel_batch][self.random.usize(..2)](&old_batch),
            18 => [dispatch, undo_dispatch][self.random.usize(..2)](&old_order),
            _ => keep_back(sku, self.random.u32(..4)),
        }
    }

    /// A command, which may be refused, and sometimes time that passes.
    pub(super) async fn step(&mut self, shop: &ShopEngine) {
        let command = self.command(shop);
        drop(shop.ask(&command).await);
        shop.continue_work().await;
        if self.random.u32(..12) == 0 {
            shop.clock.advance_seconds(self.random.i64(60..100_000));
            shop.sweep().await;
            shop.pass_day().await;
        } else if self.random.u32(..6) == 0 {
            // Some holds end that no sweep has recorded.
            shop.clock.advance_seconds(self.random.i64(1..600));
            shop.pass_day().await;
        }
    }
}
