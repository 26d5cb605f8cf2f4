//! Sources, stores and engines that fail for a while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use earmark_application::SourceError;

use crate::shop::{Fault, Shop};
use crate::source::{Source, unavailable};
use crate::support::{Instance, locked, pause, until};

#[tokio::test(start_paused = true)]
async fn what_has_no_answer_is_tried_again_before_what_came_later() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.faults) = [Fault::Unavailable; 12].into();
    let ids: Vec<String> = (0..1_000).map(|number| format!("m-{number}")).collect();
    for id in &ids[..500] {
        source.send(id, &format!("allocate {id} 1"));
    }
    let instance = Instance::start(&source, &shop);
    pause(Duration::from_millis(20)).await;
    for id in &ids[500..] {
        source.send(id, &format!("allocate {id} 1"));
    }
    until("all are acknowledged", || source.is_empty()).await;
    assert!(shop.dead().is_empty(), "{:?}", shop.dead());
    assert!(instance.figures.retried.load(Ordering::SeqCst) > 0);
    let effects = shop.effects();
    assert_eq!(effects.iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert_eq!(source.acknowledged(), ids);
    // Those that were tried together keep their order, and none of those that came later is before them.
    let late = |effects: &[String]| effects.iter().filter(|id| ids[500..].contains(id)).count();
    assert_eq!(late(&effects[..500]), 0);
}

#[tokio::test(start_paused = true)]
async fn while_the_inbox_does_not_answer_messages_wait_and_nothing_is_lost() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.inbox_is_down) = true;
    let _instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    source.send("m-2", "{");
    pause(Duration::from_secs(60)).await;
    assert_eq!(source.acknowledged(), [""; 0]);
    assert!(
        !locked(&source.told).is_empty(),
        "the source hears that they are not lost"
    );
    *locked(&shop.inbox_is_down) = false;
    until("both are acknowledged", || source.is_empty()).await;
    assert_eq!((shop.effects().len(), shop.dead().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_tried_again_later_and_later_for_ever() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&source.receive_errors) = vec![unavailable(); 200].into();
    let instance = Instance::start(&source, &shop);
    source.send("m-1", "allocate o-1 1");
    pause(Duration::from_secs(60)).await;
    assert_eq!(*locked(&instance.figures.stopped), Some(true));
    let calls = source.calls.load(Ordering::SeqCst);
    assert!((15..40).contains(&calls), "{calls}");
    locked(&source.receive_errors).clear();
    until("it is acknowledged", || source.is_empty()).await;
    assert_eq!(shop.effects(), ["o-1"]);
    assert_eq!(*locked(&instance.figures.stopped), Some(false));
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_not_fit_is_left_alone_for_longer() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&source.receive_errors) = vec![SourceError::Unfit("it is no stream".to_owned()); 100].into();
    let _instance = Instance::start(&source, &shop);
    pause(Duration::from_secs(60)).await;
    let calls = source.calls.load(Ordering::SeqCst);
    assert!((4..=5).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_while_messages_are_acknowledged_loses_and_doubles_nothing() {
    let (source, shop) = (Source::new(), Arc::<Shop>::default());
    *locked(&shop.takes) = Duration::from_millis(2);
    *locked(&source.acknowledge_errors) = [unavailable(), unavailable(), unavailable()].into();
    for number in 0..2_000 {
        let (id, bad) = (format!("m-{number}"), number % 5 == 0);
        source.send(
            &id,
            &if bad {
                format!("sofa {id}")
            } else {
                format!("allocate {id} 1")
            },
        );
    }
    let instance = Instance::start(&source, &shop);
    until("all are acknowledged", || source.is_empty()).await;
    let effects = shop.effects();
    assert_eq!(
        (effects.len(), effects.iter().collect::<BTreeSet<_>>().len()),
        (1_600, 1_600)
    );
    assert_eq!(shop.dead().len(), 400);
    let [received, _, _, repeated] = instance.figures.all();
    assert!(received > 2_000 && repeated > 0, "{received} {repeated}");
}
