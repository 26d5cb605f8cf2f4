//! Changes of batches that come together, and with other commands, share transactions: their effects are those of one after
//! the other.

use earmark_domain::{Command, LineState, OrderTerms, ReleaseLines, ReleaseScope, Scope};

use super::changes_in_steps::{LINES, crowded};
use crate::build::{
    allocate, cancel_batch, count, count_batch, create_batch, create_inbound, day, expect_batch, line, order_on,
    place_before, precedence, receive_batch, reference,
};
use crate::databases::Db;
use crate::shop_engine::ShopEngine;

/// The lines of each batch that changes are loaded, a page of them in all, those of the first batch first.
pub async fn a_page_of_lines_is_loaded_for_all_batches_that_change_together(db: Db) {
    let shop = crowded(&db).await;
    shop.all_done(&[
        create_batch("B2", "DESK", 10),
        allocate("o2", "DESK", 1),
        allocate("o3", "DESK", 1),
    ])
    .await;
    let load = async |releases: &[(&str, ReleaseLines)]| {
        let releases = releases.iter().map(|(batch, lines)| ReleaseScope {
            batch: reference(batch),
            lines: lines.clone(),
        });
        let releases: Vec<ReleaseScope> = releases.collect();
        let scope = Scope {
            batches: releases.iter().map(|release| release.batch.clone()).collect(),
            releases,
            ..Scope::default()
        };
        let loaded = shop.load(&scope).await;
        let of_order = |id: &str| {
            let lines = loaded.lines.iter();
            lines.filter(|line| line.terms.key.order.as_str() == id).count()
        };
        let cut = loaded.releases.iter().map(|read| (read.batch.to_string(), read.more));
        (["o1", "o2", "o3"].map(of_order), cut.collect::<Vec<_>>())
    };
    let cut = |name: &str, more| (name.to_owned(), more);
    let beyond = |stay| ReleaseLines::Beyond(count(stay));
    assert_eq!(
        load(&[
            ("B2", ReleaseLines::All),
            ("nowhere", ReleaseLines::All),
            ("B1", beyond(LINES - 3))
        ])
        .await,
        ([3, 1, 1], vec![cut("B2", false), cut("B1", false)])
    );
    assert_eq!(
        load(&[("B2", beyond(1)), ("B1", ReleaseLines::All)]).await,
        ([199, 0, 1], vec![cut("B2", false), cut("B1", true)])
    );
    assert_eq!(
        load(&[("B1", ReleaseLines::All), ("B2", ReleaseLines::All)]).await,
        ([200, 0, 0], vec![cut("B1", true), cut("B2", true)])
    );
    assert_eq!(
        load(&[("B1", ReleaseLines::All), ("B2", beyond(2))]).await,
        ([200, 0, 0], vec![cut("B1", true), cut("B2", false)]),
        "no line has to leave"
    );
}

/// A line that came together with the count, and before it, does not leave in the place of one that ranks below it.
pub async fn a_count_chooses_among_the_lines_that_came_with_it_and_all_others(db: Db) {
    let shop = ShopEngine::open(&db).await;
    shop.all_done(&[
        create_batch("B1", "LAMP", 10),
        place_before("low", &[("a", "LAMP", 5)], precedence(-7, None)),
    ])
    .await;
    let answers = shop
        .ask_together(&[
            place_before("high", &[("a", "LAMP", 5)], precedence(7, None)),
            count_batch("B1", 5),
        ])
        .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(shop.line_of("high").await.state, LineState::Allocated);
    assert_eq!(shop.line_of("low").await.state, LineState::Backordered);
    shop.assert_sound().await;
}

/// Each is carried out to its end before the next command on its product, and those on other products go on beside it.
pub async fn batches_with_more_lines_than_a_page_change_among_others(db: Db) {
    let shop = crowded(&db).await;
    let desks: Vec<Command> = (0..40)
        .flat_map(|n| {
            let batch = format!("D{n}");
            [
                create_inbound(&batch, "DESK", 10, &day(9).to_string()),
                allocate(&format!("desk-{n}"), "DESK", 3),
            ]
        })
        .collect();
    shop.all_done(&desks).await;
    let mut together = vec![create_inbound("B2", "LAMP", 100, &day(9).to_string())];
    together.extend((0..20).map(|n| expect_batch(&format!("D{n}"), &day(8).to_string())));
    together.push(cancel_batch("B1"));
    together.extend((20..40).map(|n| receive_batch(&format!("D{n}"))));
    together.extend([count_batch("B2", 150), expect_batch("nowhere", &day(8).to_string())]);
    together.push(Command::PlaceOrder(order_on(
        "late",
        &[("a", "DESK", 30)],
        OrderTerms {
            split: true,
            ..OrderTerms::default()
        },
    )));
    let answers = shop.ask_together(&together).await;
    let refused: Vec<usize> = (0..answers.len()).filter(|n| answers[*n].is_err()).collect();
    assert_eq!(
        refused,
        [together.len() - 2],
        "the batch that does not exist: {answers:?}"
    );
    shop.continue_work().await;
    let waits = async |id: u32| {
        let of = line("o1", &format!("{id:04}"));
        let order = shop.order("o1").await;
        let found = order.lines.iter().find(|read| read.record.terms.key == of);
        found.expect("the line").record.state == LineState::Backordered
    };
    // What was counted more of B2 serves those who come next.
    assert_eq!((waits(150).await, waits(151).await), (false, true));
    for n in 20..40 {
        assert_eq!(shop.batch(&format!("D{n}")).await.record.eta, None);
    }
    assert_eq!(shop.line_of("late").await.promise.on, Some(shop.today()));
    shop.assert_sound().await;
}
