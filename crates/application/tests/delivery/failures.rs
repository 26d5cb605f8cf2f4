//! Sinks that fail.

use std::sync::Arc;

use earmark_application::{
    AfterRefusal, DeadLetterAction, EventMessage, LetterState, PublishError, SubscriptionName, Subscriptions,
};

use crate::support::{Answer, Service, Sink, milliseconds, places, seconds, unavailable};

pub(crate) fn is_of(event: &EventMessage, sku: &str) -> bool {
    event.event.subject.sku().is_some_and(|of| of.as_str() == sku)
}

pub(crate) fn refuses(events: &[Arc<EventMessage>], sku: &str) -> Option<usize> {
    events.iter().position(|event| is_of(event, sku))
}

/// A sink that refuses the events of the product BAD for good, and says so of each.
pub(crate) fn sink_that_refuses_bad() -> Arc<Sink> {
    Sink::new(|events| match refuses(events, "BAD") {
        Some(index) => Answer::Fails(PublishError::Refused {
            index,
            reason: "too large".to_owned(),
        }),
        None => Answer::Takes,
    })
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_away_gets_everything_when_it_is_back_and_delays_nobody() {
    let mut service = Service::start();
    let mut calls = 0;
    let away = Sink::new(move |_| {
        calls += 1;
        if calls < 25 {
            Answer::Fails(unavailable("it is away"))
        } else {
            Answer::Takes
        }
    });
    let (hanging, well) = (Sink::new(|_| Answer::Hangs), Sink::open());
    service.deliver("away", 1, &away);
    service.deliver("hanging", 1, &hanging);
    service.deliver("well", 1, &well);
    for number in 1..=30 {
        service.log.write("LAMP");
        seconds(1).await;
        assert_eq!(well.taken(), places(1..=number));
    }
    let failing = service.memory.progress("away").failing.expect("it is away");
    assert!(failing.reason.contains("it is away"), "{failing:?}");
    seconds(60).await;
    assert_eq!(away.taken(), places(1..=30));
    assert_eq!(service.memory.progress("away").failing, None);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_amid_a_delivery_costs_no_event_and_repeats_none() {
    let mut service = Service::start();
    let mut calls = 0;
    let sink = Sink::new(move |events| {
        calls += 1;
        if calls % 2 == 1 {
            Answer::Breaks(events.len() / 2)
        } else {
            Answer::Takes
        }
    });
    service.deliver("a", 1, &sink);
    for _ in 0..40 {
        service.log.write("LAMP");
    }
    seconds(60).await;
    assert_eq!(sink.taken(), places(1..=40));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_holds_back_those_of_its_product_alone() {
    let mut service = Service::start();
    let sink = sink_that_refuses_bad();
    service.deliver("a", 1, &sink);
    for sku in ["LAMP", "BAD", "LAMP", "BAD", "LAMP"] {
        service.log.write(sku);
    }
    seconds(1).await;
    assert_eq!(sink.taken(), places([1, 3, 5]));
    seconds(600).await;
    let dead = LetterState::Dead("too large".to_owned());
    assert_eq!(service.memory.letters("a"), [(2, dead), (4, LetterState::Waits)]);
}

#[tokio::test(start_paused = true)]
async fn where_events_need_not_wait_those_of_the_same_product_follow() {
    let mut service = Service::start();
    service.after_refusal = AfterRefusal::Follow;
    let sink = Sink::new(
        |events| match events.iter().position(|event| event.event.sequence == 1) {
            Some(index) => Answer::Fails(PublishError::Refused {
                index,
                reason: "no".to_owned(),
            }),
            None => Answer::Takes,
        },
    );
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    service.log.write("LAMP");
    seconds(1).await;
    assert_eq!(sink.taken(), places([2]));
}

#[tokio::test(start_paused = true)]
async fn of_a_delivery_that_is_not_taken_one_event_is_put_aside_and_comes_when_it_is_taken() {
    let mut service = Service::start();
    let mut calls = 0;
    let sink = Sink::of_deliveries(move |events| {
        calls += 1;
        if refuses(events, "BAD").is_some() && calls < 7 {
            Answer::Fails(PublishError::NotTaken("500".to_owned()))
        } else {
            Answer::Takes
        }
    });
    for sku in ["LAMP", "BAD", "LAMP", "BAD", "RUG"] {
        service.log.write(sku);
    }
    service.deliver("a", 1, &sink);
    milliseconds(400).await;
    assert_eq!(sink.taken(), places([1, 3, 5]), "at once");
    seconds(120).await;
    assert_eq!(
        sink.taken(),
        places([1, 3, 5, 2, 4]),
        "those of a product in their order"
    );
    assert!(service.memory.letters("a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nothing_follows_comes_when_the_sink_takes_it() {
    let mut service = Service::start();
    let mut calls = 0;
    let sink = Sink::of_deliveries(move |_| {
        calls += 1;
        if calls < 4 {
            Answer::Fails(PublishError::NotTaken("500".to_owned()))
        } else {
            Answer::Takes
        }
    });
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(60).await;
    assert_eq!(sink.taken(), places([1]));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_makes_a_sink_fall_over_is_found_and_put_aside() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| match refuses(events, "BAD") {
        Some(_) => Answer::Fails(unavailable("502")),
        None => Answer::Takes,
    });
    for sku in ["LAMP", "BAD", "LAMP", "RUG"] {
        service.log.write(sku);
    }
    service.deliver("a", 1, &sink);
    seconds(60).await;
    assert_eq!(sink.taken(), places([1, 3, 4]));
    service.log.write("RUG");
    seconds(5).await;
    assert_eq!(sink.taken(), places([1, 3, 4, 5]), "the others get on");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_nothing_at_all_makes_few_dead_letters() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|_| Answer::Fails(PublishError::NotTaken("500".to_owned())));
    service.deliver("a", 1, &sink);
    for number in 0..200 {
        service.log.write(&format!("SKU-{number}"));
        seconds(1).await;
    }
    seconds(600).await;
    assert!(
        service.memory.letters("a").len() <= 1,
        "{:?}",
        service.memory.letters("a")
    );
    assert!(service.memory.progress("a").failing.is_some());
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_delivered_in_their_order_once_somebody_says_so() {
    let mut service = Service::start();
    let is_mended = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mended = Arc::clone(&is_mended);
    let sink = Sink::of_deliveries(move |events| {
        let is_bad = refuses(events, "BAD").is_some() && !mended.load(std::sync::atomic::Ordering::Relaxed);
        if is_bad {
            Answer::Fails(PublishError::NotTaken("500".to_owned()))
        } else {
            Answer::Takes
        }
    });
    for sku in ["LAMP", "BAD", "BAD", "RUG"] {
        service.log.write(sku);
    }
    service.deliver("a", 1, &sink);
    for _ in 0..90 {
        service.log.write("LAMP");
        seconds(20).await;
    }
    let others = [1].into_iter().chain(4..=94);
    is_mended.store(true, std::sync::atomic::Ordering::Relaxed);
    seconds(600).await;
    assert_eq!(sink.taken(), places(others.clone()), "nobody has decided");
    let name = SubscriptionName::new("a");
    let replayed = service
        .memory
        .decide_on_dead_letters(&name, None, DeadLetterAction::Replay)
        .await;
    assert_eq!(replayed.expect("memory answers"), 1);
    seconds(10).await;
    assert_eq!(sink.taken(), places(others.chain([2, 3])));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_wants_no_more_events_gets_none_until_it_is_enabled_again() {
    let mut service = Service::start();
    let mut calls = 0;
    let sink = Sink::new(move |_| {
        calls += 1;
        if calls == 1 {
            Answer::Fails(PublishError::Gone("410".to_owned()))
        } else {
            Answer::Takes
        }
    });
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(100).await;
    assert_eq!(service.memory.progress("a").disabled.as_deref(), Some("410"));
    assert_eq!(sink.sent.lock().expect("no panic").len(), 1);
    let enabled = service.memory.disable(&SubscriptionName::new("a"), None).await;
    assert!(enabled.expect("memory answers"));
    seconds(5).await;
    assert_eq!(sink.taken(), places([1]));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_failed_for_too_long_is_tried_again_when_it_is_enabled() {
    let mut service = Service::start();
    let is_back = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let back = Arc::clone(&is_back);
    let sink = Sink::new(move |_| {
        if back.load(std::sync::atomic::Ordering::Relaxed) {
            Answer::Takes
        } else {
            Answer::Fails(unavailable("it is away"))
        }
    });
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(25 * 60 * 60).await;
    let disabled = service.memory.progress("a").disabled.expect("it failed for a day");
    assert!(disabled.contains("too long"), "{disabled}");
    let name = SubscriptionName::new("a");
    assert!(service.memory.disable(&name, None).await.expect("memory answers"));
    seconds(60).await;
    assert_eq!(service.memory.progress("a").disabled, None, "it has a day again");
    is_back.store(true, std::sync::atomic::Ordering::Relaxed);
    seconds(60).await;
    assert_eq!(sink.taken(), places([1]));
}

#[tokio::test(start_paused = true)]
async fn what_was_put_aside_in_a_lost_history_holds_back_no_event_of_the_new_one() {
    let mut service = Service::start();
    let sink = Sink::new(
        |events| match events.iter().position(|event| event.id.position.to_string() == "1-3") {
            Some(index) => Answer::Fails(PublishError::Refused {
                index,
                reason: "no".to_owned(),
            }),
            None => Answer::Takes,
        },
    );
    service.deliver("a", 1, &sink);
    for _ in 0..4 {
        service.log.write("LAMP");
    }
    seconds(600).await;
    assert_eq!(sink.taken(), places([1, 2]));
    service.log.restore(2, 9);
    for _ in 0..3 {
        service.log.write("LAMP");
    }
    seconds(60).await;
    assert_eq!(sink.taken(), ["1-1", "1-2", "9-3", "9-4", "9-5"]);
    assert!(service.memory.letters("a").is_empty());
}
