//! The tail of the log.

use earmark_application::{DeliveryLimits, LogPosition};

use crate::support::{Service, Sink, places, seconds};

const SOME: DeliveryLimits = DeliveryLimits {
    events: 100,
    bytes: 1 << 20,
};

#[tokio::test(start_paused = true)]
async fn the_log_is_read_once_for_all_who_are_in_step() {
    let mut service = Service::start();
    let sinks: Vec<_> = (0..50).map(|_| Sink::open()).collect();
    for (number, sink) in sinks.iter().enumerate() {
        service.deliver(&format!("s{number}"), 1, sink);
    }
    seconds(1).await;
    let before = *service.log.pages.lock().expect("no panic");
    for _ in 0..100 {
        service.log.write("LAMP");
        seconds(1).await;
    }
    assert!(sinks.iter().all(|sink| sink.taken() == places(1..=100)));
    let pages = *service.log.pages.lock().expect("no panic") - before;
    // Each event wakes it once, and it looks five times a second by itself.
    assert!(pages <= 100 * 7, "{pages} pages for 100 events and 50 subscribers");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_nobody_follows() {
    let service = Service::start();
    service.log.write("LAMP");
    seconds(60).await;
    assert_eq!(*service.log.pages.lock().expect("no panic"), 0);
    let follower = service.tail.follow();
    seconds(2).await;
    assert!(*service.log.pages.lock().expect("no panic") > 0);
    drop(follower);
    seconds(2).await;
    let pages = *service.log.pages.lock().expect("no panic");
    seconds(60).await;
    assert_eq!(*service.log.pages.lock().expect("no panic"), pages);
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_reads_on_to_the_end_without_a_gap() {
    let service = Service::start();
    for _ in 0..2_500 {
        service.log.write("LAMP");
    }
    let mut follower = service.tail.follow();
    let (mut place, mut seen) = (LogPosition::START, Vec::new());
    for round in 0..40 {
        if round % 3 == 0 && round < 39 {
            service.log.write("LAMP");
        }
        let chunk = follower.read(place, SOME).await.expect("the log answers");
        seen.extend(chunk.events.iter().map(|event| event.event.sequence));
        place = chunk.next;
        if chunk.is_at_end() {
            seconds(1).await;
        }
    }
    assert_eq!(seen, (1..=2_500 + 13).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn a_log_that_can_not_be_read_for_a_while_is_read_on() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(5).await;
    *service.log.is_down.lock().expect("no panic") = true;
    service.log.write("LAMP");
    seconds(60).await;
    *service.log.is_down.lock().expect("no panic") = false;
    seconds(10).await;
    assert_eq!(sink.taken(), places(1..=2));
}

#[tokio::test(start_paused = true)]
async fn how_far_everybody_is_behind_is_known_though_an_event_can_not_be_read() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(5).await;
    service.log.write("BROKEN");
    service.log.write("LAMP");
    seconds(5).await;
    assert_eq!(sink.taken(), places(1..=1), "nothing is left out");
    assert_eq!(service.tail.newest(), 3);
}
