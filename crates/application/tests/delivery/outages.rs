//! Sinks that are down for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use earmark_application::{DeadLetterAction, LetterState, PublishError, SubscriptionName, Subscriptions};

use crate::failures::{refuses, sink_that_refuses_bad};
use crate::support::{Answer, Service, Sink, places, seconds, unavailable};

/// A sink that answers 500 to everything while it is down.
fn sink_that_is_down(is_down: &Arc<AtomicBool>) -> Arc<Sink> {
    let is_down = Arc::clone(is_down);
    Sink::of_deliveries(move |_| {
        if is_down.load(Ordering::Relaxed) {
            Answer::Fails(PublishError::NotTaken("500".to_owned()))
        } else {
            Answer::Takes
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_outage_makes_no_dead_letter_however_few_events_there_are() {
    for between in [0, 60, 3_600] {
        let mut service = Service::start();
        let is_down = Arc::new(AtomicBool::new(false));
        let sink = sink_that_is_down(&is_down);
        service.deliver("a", 1, &sink);
        service.log.write("LAMP");
        seconds(5).await;
        is_down.store(true, Ordering::Relaxed);
        for number in 0..5 {
            service.log.write(&format!("SKU-{number}"));
            seconds(between).await;
        }
        seconds(5 * 3_600).await;
        let letters = service.memory.letters("a");
        assert!(letters.len() <= 1, "one after the last that was taken: {letters:?}");
        assert!(!letters.iter().any(|(_, state)| matches!(state, LetterState::Dead(_))));
        is_down.store(false, Ordering::Relaxed);
        seconds(20 * 60).await;
        let mut taken = sink.taken();
        taken.sort();
        assert_eq!(taken, places(1..=6));
        assert!(service.memory.letters("a").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_answers_and_takes_nothing_is_given_up_when_its_time_is_over() {
    let mut service = Service::start();
    let sink = sink_that_is_down(&Arc::new(AtomicBool::new(true)));
    service.deliver("a", 1, &sink);
    seconds(1).await;
    assert_eq!(service.state.get(), Some((false, false)));
    // Each comes alone.
    for _ in 0..26 {
        service.log.write("LAMP");
        seconds(3_600).await;
    }
    let disabled = service.memory.progress("a").disabled.expect("it failed for a day");
    assert!(disabled.contains("too long"), "{disabled}");
    assert_eq!(service.state.get(), Some((true, true)));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_mended_is_told_at_once_when_somebody_says_so() {
    let mut service = Service::start();
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let sink = Sink::of_deliveries(move |_| {
        if down.load(Ordering::Relaxed) {
            Answer::Fails(PublishError::Unavailable {
                reason: "503".to_owned(),
                retry_after: Some(Duration::from_secs(3_000)),
            })
        } else {
            Answer::Takes
        }
    });
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(60).await;
    is_down.store(false, Ordering::Relaxed);
    let name = SubscriptionName::new("a");
    assert!(service.memory.disable(&name, None).await.expect("memory answers"));
    seconds(5).await;
    assert_eq!(sink.taken(), places([1]));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_loses_events_while_nothing_happens_is_made_whole() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    for _ in 0..5 {
        service.log.write("LAMP");
    }
    seconds(60).await;
    sink.forget_after(2);
    seconds(15).await;
    assert_eq!(sink.taken(), places(1..=5));
}

#[tokio::test(start_paused = true)]
async fn what_was_dropped_at_the_end_of_the_log_does_not_come_again() {
    let mut service = Service::start();
    let sink = sink_that_refuses_bad();
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    service.log.write("BAD");
    seconds(60).await;
    let name = SubscriptionName::new("a");
    let skipped = service
        .memory
        .decide_on_dead_letters(&name, Some(&[2]), DeadLetterAction::Skip);
    assert_eq!(skipped.await.expect("memory answers"), 1);
    let sent = sink.sent.lock().expect("no panic").len();
    seconds(600).await;
    assert!(service.memory.letters("a").is_empty());
    assert!(sink.sent.lock().expect("no panic").len() <= sent + 1);
    service.log.write("BAD");
    service.log.write("RUG");
    seconds(5).await;
    assert_eq!(sink.taken(), places([1, 4]));
    assert_eq!(service.memory.letters("a").len(), 1, "it is another event");
}

#[tokio::test(start_paused = true)]
async fn what_a_sink_says_to_an_event_that_was_put_aside_counts_for_the_others() {
    let mut service = Service::start();
    let mut replays = 0;
    let sink = Sink::of_deliveries(move |events| {
        if refuses(events, "BAD").is_none() {
            return Answer::Takes;
        }
        if events.len() == 1 {
            replays += 1;
        }
        match replays {
            0 | 1 => Answer::Fails(PublishError::NotTaken("500".to_owned())),
            _ => Answer::Fails(PublishError::Gone("410".to_owned())),
        }
    });
    service.log.write("LAMP");
    service.log.write("BAD");
    service.deliver("a", 1, &sink);
    seconds(60).await;
    assert_eq!(service.memory.progress("a").disabled.as_deref(), Some("410"));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_hangs_is_a_dead_letter_in_the_end() {
    let mut service = Service::start();
    let sink = Sink::of_deliveries(|events| match refuses(events, "BAD") {
        Some(_) => Answer::Fails(unavailable("no answer within 10 s")),
        None => Answer::Takes,
    });
    service.log.write("LAMP");
    service.log.write("BAD");
    service.deliver("a", 1, &sink);
    for _ in 0..200 {
        service.log.write("LAMP");
        seconds(20).await;
    }
    let letters = service.memory.letters("a");
    assert!(matches!(letters.as_slice(), [(2, LetterState::Dead(_))]), "{letters:?}");
}
