//! Events that a sink does not take, found in deliveries that it did not take as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use earmark_application::{AfterRefusal, LetterState, PublishError};
use proptest::prelude::*;
use tokio::runtime::Builder;

use crate::failures::{is_of, refuses};
use crate::support::{Answer, Service, Sink, places, seconds, unavailable};

fn not_taken() -> Answer {
    Answer::Fails(PublishError::NotTaken("500".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn one_event_among_many_is_found_by_a_few_requests() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| refuses(events, "BAD").map_or(Answer::Takes, |_| not_taken()));
    for number in 1..=10 {
        service.log.write(if number == 7 { "BAD" } else { "LAMP" });
    }
    service.deliver("a", 1, &sink);
    seconds(1).await;
    assert_eq!(sink.taken(), places((1..=10).filter(|number| *number != 7)));
    let sent = sink.sent.lock().expect("no panic").clone();
    assert!(sent.len() <= 8, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_of_one_product_that_is_not_taken_is_put_aside_where_the_one_before_was_taken() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| refuses(events, "BAD").map_or(Answer::Takes, |_| not_taken()));
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(5).await;
    // As many as one delivery has: nothing else could come along with them.
    for _ in 0..30 {
        service.log.write("BAD");
    }
    seconds(5).await;
    service.log.write("LAMP");
    seconds(5).await;
    assert_eq!(sink.taken(), places([1, 32]));
}

#[tokio::test(start_paused = true)]
async fn a_first_event_that_is_not_taken_is_put_aside_once_others_are() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| refuses(events, "BAD").map_or(Answer::Takes, |_| not_taken()));
    service.deliver("a", 1, &sink);
    service.log.write("BAD");
    service.log.write("BAD");
    // Later and later: the next attempt would be minutes away.
    seconds(600).await;
    assert!(service.memory.letters("a").is_empty(), "it may be the sink");
    service.log.write("LAMP");
    seconds(20).await;
    assert_eq!(sink.taken(), places([3]));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_makes_a_sink_fall_over_and_comes_alone_holds_up_nobody_who_comes_later() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| match refuses(events, "BAD") {
        Some(_) => Answer::Fails(unavailable("502")),
        None => Answer::Takes,
    });
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(5).await;
    service.log.write("BAD");
    seconds(600).await;
    service.log.write("LAMP");
    service.log.write("RUG");
    seconds(60).await;
    assert_eq!(sink.taken(), places([1, 3, 4]));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_few_requests_a_minute_is_told_everything_and_blames_no_event() {
    let mut service = Service::start();
    let requests = Arc::new(Mutex::new((0_u64, 0)));
    let clock = crate::support::TestClock::new();
    let sink = Sink::of_deliveries(move |events| {
        use earmark_application::Clock as _;
        let minute = clock.monotonic().as_secs() / 60;
        let mut requests = requests.lock().expect("no panic");
        if requests.0 != minute {
            *requests = (minute, 0);
        }
        requests.1 += 1;
        if requests.1 > 3 {
            return Answer::Fails(PublishError::Unavailable {
                reason: "429".to_owned(),
                retry_after: Some(Duration::from_secs(60)),
            });
        }
        refuses(events, "BAD").map_or(Answer::Takes, |_| not_taken())
    });
    for number in 1..=10 {
        service.log.write(if number == 9 { "BAD" } else { "LAMP" });
    }
    service.deliver("a", 1, &sink);
    seconds(15 * 60).await;
    assert_eq!(sink.taken(), places((1..=10).filter(|number| *number != 9)));
    let letters = service.memory.letters("a");
    assert_eq!(letters.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [9]);
}

/// A delivery is full of one product: what would show that the sink is well comes behind it.
#[tokio::test(start_paused = true)]
async fn more_events_of_a_refused_product_than_a_delivery_has_hold_up_no_other() {
    let mut service = Service::start();
    let answers = Arc::new(Mutex::new(0));
    let sink = Sink::of_deliveries(move |events| {
        let mut answers = answers.lock().expect("no panic");
        *answers += 1;
        // It is busy at first, and so was never seen to take anything.
        if *answers <= 2 {
            return Answer::Fails(unavailable("it is busy"));
        }
        refuses(events, "BAD").map_or(Answer::Takes, |_| not_taken())
    });
    for _ in 0..25 {
        service.log.write("BAD");
    }
    service.log.write("LAMP");
    service.deliver("a", 1, &sink);
    seconds(600).await;
    assert_eq!(sink.taken(), places([26]));
    assert_eq!(service.memory.letters("a").len(), 25);
}

/// The same, where the sink says nothing, but was seen to take other events.
#[tokio::test(start_paused = true)]
async fn an_event_that_makes_a_sink_fall_over_among_those_that_wait_holds_up_nobody_behind_them() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| match (refuses(events, "BAD"), refuses(events, "DEADLY")) {
        (_, Some(_)) => Answer::Fails(unavailable("502")),
        (Some(_), _) => not_taken(),
        _ => Answer::Takes,
    });
    service.log.write("LAMP");
    service.log.write("BAD");
    service.deliver("a", 1, &sink);
    seconds(30).await;
    service.log.write("DEADLY");
    for _ in 0..25 {
        service.log.write("BAD");
    }
    service.log.write("LAMP");
    seconds(1_200).await;
    assert_eq!(sink.taken(), places([1, 29]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_not_taken_all_else_arrives_and_each_product_in_its_order(
        skus in prop::collection::vec(0_usize..6, 1..60),
        bad in prop::collection::btree_set(1_u64..60, 0..8),
        follows in any::<bool>(),
        chance in any::<u64>(),
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let mut service = Service::start();
            service.after_refusal = if follows { AfterRefusal::Follow } else { AfterRefusal::Wait };
            // The last product is one whose events are all taken.
            let bad: BTreeSet<u64> = bad.into_iter().filter(|bad| *bad <= skus.len() as u64).collect();
            let (refused, mut chance) = (bad.clone(), chance);
            let sink = Sink::of_deliveries(move |events| {
                // A linear congruential generator: its upper bits are random enough.
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                if chance >> 62 == 0 {
                    return Answer::Fails(unavailable("it is busy"));
                }
                let is_bad = events.iter().any(|event| refused.contains(&event.event.sequence));
                if is_bad { not_taken() } else { Answer::Takes }
            });
            let name = |sku: usize| format!("SKU-{sku}");
            for sku in &skus {
                service.log.write(&name(*sku));
            }
            service.deliver("a", 1, &sink);
            for _ in 0..60 {
                seconds(20).await;
                service.log.write("WELL");
            }
            seconds(1_200).await;
            let taken: Vec<u64> = sink.taken().iter().map(|place| place[2..].parse().expect("a place")).collect();
            let letters: BTreeSet<u64> = service.memory.letters("a").iter().map(|(sequence, _)| *sequence).collect();
            let arrived: BTreeSet<u64> = taken.iter().copied().collect();
            let all = skus.len() as u64 + 60;
            prop_assert_eq!(arrived.union(&letters).count() as u64, all, "{:?} {:?}", arrived, letters);
            prop_assert!(arrived.is_disjoint(&letters));
            prop_assert!(bad.is_subset(&letters));
            if !follows {
                let mut seen = BTreeSet::new();
                let firsts = taken.iter().filter(|sequence| seen.insert(**sequence));
                let mut of_products: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
                for sequence in firsts {
                    let sku = (1..).zip(&skus).find_map(|(at, sku)| (at == *sequence).then_some(*sku));
                    of_products.entry(sku.unwrap_or(usize::MAX)).or_default().push(*sequence);
                }
                prop_assert!(of_products.values().all(|sequences| sequences.is_sorted()), "{:?}", of_products);
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_a_dead_letter_after_counted_attempts_while_others_are_taken() {
    let mut service = Service::start();
    let attempts = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&attempts);
    let sink = Sink::of_deliveries(move |events| {
        if events.iter().any(|event| is_of(event, "BAD")) {
            *counted.lock().expect("no panic") += usize::from(events.len() == 1);
            return not_taken();
        }
        Answer::Takes
    });
    service.log.write("BAD");
    service.deliver("a", 1, &sink);
    for _ in 0..120 {
        service.log.write("LAMP");
        seconds(10).await;
    }
    let dead = LetterState::Dead("500".to_owned());
    assert_eq!(service.memory.letters("a"), [(1, dead)]);
    let until_dead = *attempts.lock().expect("no panic");
    seconds(3_600).await;
    assert_eq!(*attempts.lock().expect("no panic"), until_dead, "nobody has decided");
}
