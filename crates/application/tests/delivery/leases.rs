//! Several instances: leases while deliveries last long, and tails that are not read equally far.

use std::time::Duration;

use crate::support::{Answer, Service, Sink, places, seconds};

#[tokio::test(start_paused = true)]
async fn a_delivery_that_lasts_longer_than_a_lease_is_sent_once() {
    let mut service = Service::start();
    let slow = |_: &[_]| Answer::TakesAfter(Duration::from_secs(8));
    let (first, second) = (Sink::of_deliveries(slow), Sink::of_deliveries(slow));
    service.deliver("a", 1, &first);
    seconds(1).await;
    service.deliver("a", 2, &second);
    for _ in 0..3 {
        service.log.write("LAMP");
        seconds(10).await;
    }
    seconds(60).await;
    assert_eq!(first.taken(), places(1..=3));
    assert!(second.sent.lock().expect("no panic").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_repeated_as_it_was_by_an_instance_that_has_not_read_that_far() {
    let mut service = Service::start();
    let (tail, reading) = service.another_tail();
    let follower = tail.follow();
    seconds(1).await;
    service.log.write("LAMP");
    service.log.write("LAMP");
    seconds(1).await;
    // It stands still.
    reading.abort();
    service.log.write("LAMP");
    service.log.write("LAMP");
    let hanging = Sink::of_deliveries(|_| Answer::Hangs);
    service.deliver("a", 1, &hanging);
    seconds(1).await;
    service.kill_last();
    service.log.write("LAMP");
    let sink = Sink::of_deliveries(|_| Answer::Takes);
    service.deliver_from(&tail, "a", 2, &sink);
    seconds(30).await;
    assert!(sink.taken().is_empty(), "a part of a delivery is another delivery");
    let (reader, clock, log) = (tail.clone(), crate::support::TestClock::new(), service.log.clone());
    service
        .jobs
        .push(tokio::spawn(async move { reader.run(&clock, &log.stored).await }));
    seconds(10).await;
    assert_eq!(*hanging.sent.lock().expect("no panic"), [[1, 2, 3, 4]]);
    assert_eq!(*sink.sent.lock().expect("no panic"), [vec![1, 2, 3, 4], vec![5]]);
    drop(follower);
}

#[tokio::test(start_paused = true)]
async fn bounds_of_a_history_that_is_lost_are_those_of_no_delivery() {
    let mut service = Service::start();
    for _ in 0..4 {
        service.log.write("LAMP");
    }
    let hanging = Sink::of_deliveries(|_| Answer::Hangs);
    service.deliver("a", 1, &hanging);
    seconds(1).await;
    service.kill_last();
    service.log.restore(2, 9);
    for _ in 0..5 {
        service.log.write("LAMP");
    }
    let sink = Sink::of_deliveries(|_| Answer::Takes);
    service.deliver("a", 2, &sink);
    seconds(20).await;
    assert_eq!(sink.taken(), ["1-1", "1-2", "9-3", "9-4", "9-5", "9-6", "9-7"]);
}
