//! What becomes of digests that are not taken, or of which nobody knows.

use std::sync::atomic::Ordering;

use earmark_application::{Clock, MailError};
use earmark_domain::Fact;

use crate::digest_support::{Answer, EVERY, House, MAIL, refused, unavailable};
use crate::support::seconds;

/// Writes a refusal in each of so many intervals.
async fn intervals(house: &House, from: u32, intervals: u32) {
    for order in from..from + intervals {
        seconds(EVERY / 2).await;
        house.write("LAMP", refused(&format!("o-{order}"), 1, 0));
        seconds(EVERY / 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_certainly_not_taken_is_told_with_what_comes_meanwhile_in_one_mail() {
    let answers = std::iter::repeat_with(|| Answer::Fails(unavailable())).take(9);
    let house = House::open(answers);
    intervals(&house, 0, 3).await;
    let (attempts, reason) = house.failing().expect("it fails");
    assert!(attempts >= 7, "{attempts}");
    assert_eq!(reason, "it was not taken: 450 try again");
    assert_eq!(house.state.get(), Some((true, false)));
    assert_eq!(house.taken(), [] as [&str; 0]);
    seconds(600).await;
    assert_eq!(house.taken(), ["0-0.1-3"]);
    assert_eq!(house.failing(), None);
    assert_eq!(house.state.get(), Some((false, false)));
    let attempts: Vec<u64> = house.sent().into_iter().map(|(seconds, _)| seconds).collect();
    let pauses: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.windows(2).all(|pair| pair[0] <= pair[1] + 3),
        "they grow: {pauses:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_taken_is_repeated_under_its_id_in_the_next_interval() {
    let unknown = Answer::Fails(MailError::Unknown("it hangs".to_owned()));
    let house = House::open([unknown, Answer::Fails(unavailable())]);
    intervals(&house, 0, 6).await;
    seconds(EVERY).await;
    let sent = house.sent();
    let repeats: Vec<&str> = sent.iter().take(3).map(|(_, id)| id.as_str()).collect();
    assert_eq!(
        repeats, ["0-0.1-1"; 3],
        "also after it was certainly not taken the last time"
    );
    assert_eq!((sent[0].0, sent[1].0), (EVERY, 2 * EVERY));
    // It says how things stand when it is repeated, and that it may be a repeat.
    let digests = house.digests.lock().expect("no panic").clone();
    let said: Vec<(u64, bool)> = (digests.iter())
        .map(|digest| (digest.at.as_second().unsigned_abs(), digest.may_repeat))
        .collect();
    assert_eq!(said[..2], [(EVERY, false), (2 * EVERY, true)]);
    assert!(!said[3].1, "{said:?}");
    assert_eq!(
        (digests[1].since, digests[1].until),
        (digests[0].since, digests[0].until)
    );
    // What came meanwhile is told in the next interval, and none of it twice.
    assert_eq!(house.taken()[0], "0-0.1-1");
    assert!(house.taken()[1].starts_with("1-1."), "{:?}", house.taken());
    let taken_at: Vec<u64> = sent.iter().skip(2).map(|(seconds, _)| seconds / EVERY).collect();
    assert!(
        taken_at.windows(2).all(|pair| pair[0] < pair[1]),
        "one an interval: {taken_at:?}"
    );
}

/// In which interval each mail was sent.
fn intervals_of(house: &House) -> Vec<u64> {
    house.sent().into_iter().map(|(seconds, _)| seconds / EVERY).collect()
}

fn each_is_another(intervals: &[u64]) -> bool {
    intervals.windows(2).all(|pair| pair[0] < pair[1])
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_does_not_keep_the_buyers_from_what_happens_later() {
    let unknown = || Answer::Fails(MailError::Unknown("it is slow".to_owned()));
    let house = House::open(std::iter::repeat_with(unknown).take(1_000));
    intervals(&house, 0, 8).await;
    seconds(EVERY).await;
    let sent = house.sent();
    let ends: Vec<&str> = sent
        .iter()
        .map(|(_, id)| id.split('.').next_back().expect("an end"))
        .collect();
    assert_eq!(
        ends[..3],
        ["1-1", "1-1", "1-3"],
        "the second repeats the first, the third tells what is new: {sent:?}"
    );
    assert_eq!(*ends.last().expect("mails"), "1-8");
    assert!(each_is_another(&intervals_of(&house)), "{sent:?}");
    // While nothing happens that buyers want to hear of, the same is told under its id, more and more rarely,
    let before = sent.len();
    house.write("LAMP", Fact::StockDepleted);
    seconds(100 * EVERY).await;
    let sent = house.sent();
    assert!((3..=8).contains(&(sent.len() - before)), "{sent:?}");
    assert!(sent[before..].iter().all(|(_, id)| id == "0-0.1-8"), "{sent:?}");
    // what happens is told at the end of its interval all the same,
    seconds(EVERY / 2).await;
    house.write("LAMP", refused("o-99", 1, 0));
    let written = house.clock.monotonic().as_secs();
    seconds(EVERY).await;
    let (at, id) = house.sent().pop().expect("mails");
    assert_eq!((at, id.as_str()), ((written / EVERY + 1) * EVERY, "0-0.1-10"));
    // and after a day everybody has heard of it.
    seconds(2 * 24 * 60 * 60).await;
    assert_eq!(house.memory.progress(MAIL).place.to_string(), "1-10");
    let sent = house.sent().len();
    seconds(24 * 60 * 60).await;
    assert_eq!((house.sent().len(), house.failing()), (sent, None));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_taken_is_not_repeated_in_its_interval_after_a_crash() {
    for moment in 0..30 {
        let mut house = House::open([Answer::TakesAndHangs, Answer::TakesAndHangs]);
        house.write("LAMP", refused("o-1", 1, 0));
        seconds(61 + moment).await;
        house.kill();
        house.start(2);
        seconds(EVERY).await;
        house.kill();
        house.start(3);
        seconds(10 * EVERY).await;
        let intervals = intervals_of(&house);
        assert!(
            intervals.len() > 2 && each_is_another(&intervals),
            "{moment}: {intervals:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hiccups_does_not_let_a_digest_be_repeated_in_its_interval() {
    let unknown = || Answer::Fails(MailError::Unknown("it hangs".to_owned()));
    let mut house = House::answering([unknown(), unknown()]);
    house.breaks = true;
    house.start(1);
    house.write("LAMP", refused("o-1", 1, 0));
    seconds(65).await;
    house.memory.is_down.store(false, Ordering::Relaxed);
    seconds(60).await;
    house.memory.is_down.store(false, Ordering::Relaxed);
    seconds(5 * EVERY).await;
    let intervals = intervals_of(&house);
    assert!(intervals.len() > 1 && each_is_another(&intervals), "{intervals:?}");
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_was_taken_before_a_crash_is_repeated_under_its_id() {
    let mut house = House::open([Answer::TakesAndHangs]);
    house.write("LAMP", refused("o-1", 1, 0));
    seconds(70).await;
    assert_eq!(house.taken(), ["0-0.1-1"]);
    house.kill();
    house.write("LAMP", refused("o-2", 1, 0));
    house.start(2);
    seconds(60).await;
    assert_eq!(house.taken()[..2], ["0-0.1-1", "0-0.1-1"]);
    seconds(120).await;
    assert_eq!(house.taken()[2..], ["1-1.1-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_moment_loses_nothing_and_tells_nothing_twice() {
    for moment in 0..40 {
        let mut house = House::open([Answer::Takes]);
        house.write("LAMP", refused("o-1", 1, 0));
        house.write("LAMP", refused("o-2", 1, 0));
        crate::support::milliseconds(58_000 + moment * 100).await;
        house.kill();
        house.start(2);
        house.write("LAMP", refused("o-3", 1, 0));
        seconds(300).await;
        let mut taken = house.taken();
        taken.dedup();
        let ends: Vec<&str> = taken
            .iter()
            .map(|id| id.split('.').next_back().expect("an end"))
            .collect();
        let begins: Vec<&str> = taken.iter().map(|id| id.split('.').next().expect("a place")).collect();
        assert_eq!(begins[0], "0-0");
        assert_eq!(begins[1..], ends[..ends.len() - 1], "no gap, nothing twice");
        assert_eq!(*ends.last().expect("a digest"), "1-3");
    }
}

#[tokio::test(start_paused = true)]
async fn a_digest_that_is_taken_and_can_not_be_noted_is_not_sent_again() {
    let mut house = House::answering([]);
    house.breaks = true;
    house.start(1);
    house.write("LAMP", refused("o-1", 1, 0));
    seconds(80).await;
    assert_eq!(house.memory.progress(MAIL).delivery_end, Some(1), "it is not noted");
    house.memory.is_down.store(false, Ordering::Relaxed);
    seconds(120).await;
    assert_eq!(house.taken(), ["0-0.1-1"]);
    assert_eq!(house.memory.progress(MAIL).place.to_string(), "1-1");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_good_is_tried_once_an_interval_with_what_comes_meanwhile() {
    let refusal = || Answer::Fails(MailError::Refused("550 no such user".to_owned()));
    let house = House::open([refusal(), refusal(), refusal()]);
    intervals(&house, 0, 5).await;
    let sent = house.sent();
    assert!(
        sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= EVERY - 1),
        "{sent:?}"
    );
    assert_eq!(house.taken(), ["0-0.1-4"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_may_have_been_taken_and_is_refused_then_does_not_bar_what_comes_after_it() {
    let unknown = Answer::Fails(MailError::Unknown("it hangs".to_owned()));
    let refusal = Answer::Fails(MailError::Refused("554 no".to_owned()));
    let house = House::open([unknown, refusal]);
    intervals(&house, 0, 5).await;
    assert_eq!(house.taken()[0], "0-0.1-3");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_tells_another_history_is_told_under_other_ids() {
    let house = House::open([]);
    for order in 0..5 {
        house.write("LAMP", refused(&format!("o-{order}"), 1, 0));
    }
    seconds(70).await;
    assert_eq!(house.taken(), ["0-0.1-5"]);
    house.shop.restore(3, 9);
    house.write("LAMP", refused("o-6", 1, 0));
    house.write("LAMP", refused("o-7", 1, 0));
    seconds(130).await;
    assert_eq!(house.taken(), ["0-0.1-5", "1-3.9-5"]);
}
