//! Where deliveries go on.

use earmark_application::LastPublished;

use crate::support::{Answer, Service, Sink, places, seconds};

#[tokio::test(start_paused = true)]
async fn every_event_arrives_once_and_in_order() {
    let mut service = Service::start();
    for _ in 0..25 {
        service.log.write("LAMP");
    }
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    seconds(1).await;
    for _ in 0..25 {
        service.log.write("LAMP");
        seconds(1).await;
    }
    assert_eq!(sink.taken(), places(1..=50));
    assert_eq!(service.memory.progress("a").place.to_string(), "1-50");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_has_lost_its_last_events_gets_them_again() {
    let mut service = Service::start();
    let mut calls = 0;
    let sink = Sink::new(move |_| {
        calls += 1;
        if calls == 3 { Answer::Breaks(0) } else { Answer::Takes }
    });
    service.deliver("a", 1, &sink);
    for _ in 0..20 {
        service.log.write("LAMP");
    }
    seconds(2).await;
    assert_eq!(sink.taken(), places(1..=20));
    sink.forget_after(7);
    service.log.write("LAMP");
    seconds(5).await;
    assert_eq!(sink.taken(), places(1..=21));
    // One that has lost everything too.
    sink.forget_after(0);
    service.kill_last();
    service.deliver("a", 2, &sink);
    seconds(20).await;
    assert_eq!(sink.taken(), places(1..=21));
}

#[tokio::test(start_paused = true)]
async fn where_a_sink_has_kept_nothing_the_place_of_the_subscription_counts() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    service.log.write("LAMP");
    seconds(5).await;
    service.kill_last();
    sink.forget_after(0);
    *sink.last.lock().expect("no panic") = Some(LastPublished::Emptied);
    service.log.write("LAMP");
    service.deliver("a", 2, &sink);
    seconds(20).await;
    assert_eq!(sink.taken(), places(3..=3));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_under_way_is_repeated_as_it_was_also_after_a_crash() {
    let mut service = Service::start();
    let hanging = Sink::of_deliveries(|_| Answer::Hangs);
    for _ in 0..4 {
        service.log.write("LAMP");
    }
    service.deliver("a", 1, &hanging);
    seconds(1).await;
    service.kill_last();
    for _ in 0..9 {
        service.log.write("LAMP");
    }
    let sink = Sink::of_deliveries(|_| Answer::Takes);
    service.deliver("a", 2, &sink);
    seconds(20).await;
    assert_eq!(*hanging.sent.lock().expect("no panic"), [[1, 2, 3, 4]]);
    assert_eq!(
        *sink.sent.lock().expect("no panic"),
        [(1..=4).collect::<Vec<u64>>(), (5..=13).collect()]
    );
}

#[tokio::test(start_paused = true)]
async fn one_instance_at_a_time_delivers_and_another_takes_over() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    service.log.write("LAMP");
    seconds(1).await;
    let second = Sink::open();
    service.deliver("a", 2, &second);
    service.log.write("LAMP");
    seconds(30).await;
    assert_eq!(sink.taken(), places(1..=2));
    assert!(second.taken().is_empty());
    // The first one gives its lease back when it stops.
    service.jobs[1].abort();
    service.relays[0].release().await.expect("memory answers");
    *second.last.lock().expect("no panic") = *sink.last.lock().expect("no panic");
    service.log.write("LAMP");
    seconds(2).await;
    assert_eq!(second.taken(), places(3..=3));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_tells_another_history_is_delivered_from_where_both_agree() {
    let mut service = Service::start();
    let sink = Sink::open();
    service.deliver("a", 1, &sink);
    for _ in 0..5 {
        service.log.write("LAMP");
    }
    seconds(2).await;
    service.log.restore(3, 9);
    for _ in 0..3 {
        service.log.write("LAMP");
    }
    seconds(10).await;
    assert_eq!(
        sink.taken(),
        ["1-1", "1-2", "1-3", "1-4", "1-5", "9-4", "9-5", "9-6"],
        "no new event has the id of an old one"
    );
}
