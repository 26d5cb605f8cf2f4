//! What planners are told after random commands, and what is worked out the plain way.

use std::sync::Arc;

#[cfg(feature = "servers")]
use earmark_tests::databases::PostgresDatabase;
use earmark_tests::databases::{Database, Db, MemoryDatabase, SqliteDatabase};
use earmark_tests::outlook_oracle::{Mark, assert_outlook};
use earmark_tests::{Shop, ShopEngine};
use proptest::prelude::*;

use super::draw::{Step, a_step};
use super::{runtime, sequences};

/// After how many steps planners look.
const LOOK_EVERY: usize = 20;

/// Runs steps on a fresh database. Planners look now and then, and ask what has changed since each time.
async fn look<D: Database>(steps: &[Step]) {
    let db: Db = Arc::new(D::fresh().await);
    let shop = ShopEngine::of(Shop::open(&db).await);
    let mut marks = vec![Mark::of(&shop).await];
    for steps in steps.chunks(LOOK_EVERY) {
        for step in steps {
            match step {
                Step::Pass(seconds) => shop.clock.advance_seconds(*seconds),
                Step::Sweep => shop.sweep().await,
                Step::Days(days) => {
                    shop.clock.advance_seconds(i64::from(*days) * 24 * 60 * 60);
                    shop.pass_day().await;
                }
                Step::Run(command) => drop(shop.ask(command).await),
            }
        }
        marks.push(Mark::of(&shop).await);
        assert_outlook(&shop, &marks).await;
    }
    drop(shop);
    db.discard().await;
}

fn some_steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(a_step(), 1..80)
}

proptest! {
    #![proptest_config(sequences(200))]

    #[test]
    fn in_memory_planners_are_told_what_is_worked_out_plainly(steps in some_steps()) {
        runtime().block_on(look::<MemoryDatabase>(&steps));
    }
}

proptest! {
    // Each of these writes to a disk.
    #![proptest_config(sequences(100))]

    #[test]
    fn on_sqlite_planners_are_told_what_is_worked_out_plainly(steps in some_steps()) {
        runtime().block_on(look::<SqliteDatabase>(&steps));
    }
}

#[cfg(feature = "servers")]
proptest! {
    // Each of these creates a database on the server.
    #![proptest_config(sequences(25))]

    #[test]
    fn on_postgres_planners_are_told_what_is_worked_out_plainly(steps in some_steps()) {
        runtime().block_on(look::<PostgresDatabase>(&steps));
    }
}
