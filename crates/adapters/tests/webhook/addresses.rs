//! Addresses that are not public, in every spelling.

use std::sync::Arc;

use earmark_adapters::webhook::{Resolver, SystemResolver};
use earmark_application::{PublishError, Publisher};

use crate::outside::{Names, QuickClock};
use crate::receiver::{OK, Receiver, Reply};
use crate::shop::{SECRET, event, settings, webhooks_with};

/// Hosts that are this machine, or want to be taken for it. `PORT` stands behind each.
const SPELLINGS: &[&str] = &[
    // The address, as it is usually written.
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    // As a number, in parts, in other bases.
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "017700000001",
    "0",
    "00",
    "0x0",
    "127.1",
    "127.0.1",
    "127.0x000001",
    "0x7f.1",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0177.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "0177.0000.0000.0001",
    "00000177.0.0.1",
    "127.000.000.001",
    "0x7f.0.1",
    "127.0.0.0x1",
    "4294967295",
    // With a dot behind it.
    "127.0.0.1.",
    "127.1.",
    "2130706433.",
    // Within addresses of IPv6.
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1%25lo]",
    // In letters that only look different.
    "①②⑦.⓪.⓪.①",
    "１２７.０.０.１",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "%31%32%37.%30.%30.%31",
    "127%2e0%2e0%2e1",
    "０ｘ７ｆ.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    // With a name before it, or something that looks like one.
    "hooks.example@127.0.0.1",
    "hooks.example:443@127.0.0.1",
    "hooks.example%40@127.0.0.1",
    "hooks.example:pass@word@127.0.0.1",
    "8.8.8.8@[::1]",
    "\\127.0.0.1",
    "/127.0.0.1",
    "\t127.0.0.1",
    "127.0.\n0.1",
    // By name.
    "localhost",
    "LOCALHOST",
    "localhost.",
    "localhost.localdomain",
    "ip6-localhost",
    "127.0.0.1.hooks.example",
    "xn--localhost-",
    "xn--bcher-kva.example",
    "bücher.example",
];

/// Tells an event to each of these hosts, with and without encryption; answers how many could not be told.
async fn try_all(hosts: &[&str], resolver: impl Resolver + 'static, allowed: &[&str], port: u16) -> usize {
    let webhooks = webhooks_with(QuickClock::default(), resolver, settings(allowed));
    let mut untold = 0;
    for scheme in ["http", "https"] {
        for host in hosts {
            let url = format!("{scheme}://{host}:{port}/");
            let told = match webhooks.publisher(&url, &[SECRET]) {
                Ok(webhook) => webhook.publish(&[event(1)]).await.is_ok(),
                Err(_) => false,
            };
            untold += usize::from(!told);
        }
    }
    untold
}

/// Listens on both loopback addresses, on one port.
async fn on_loopback() -> (Receiver, Receiver) {
    let v4 = Receiver::with(OK).await;
    let v6 = Receiver::at(&format!("[::1]:{}", v4.port()), vec![OK]).await;
    (v4, v6)
}

#[tokio::test]
async fn no_spelling_of_this_machine_reaches_it() {
    assert!(SPELLINGS.len() >= 60);
    let all = 2 * SPELLINGS.len();
    let (v4, v6) = on_loopback().await;
    // Every name leads to this machine, by one kind of address or the other.
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let names = Names::answering(&[&[address]]);
        assert_eq!(try_all(SPELLINGS, names, &[], v4.port()).await, all, "{address}");
    }
    // Another host is allowed, and with it plain HTTP.
    let names = Names::answering(&[&["127.0.0.1"]]);
    let untold = try_all(SPELLINGS, names, &["10.0.0.0/8", "hook.internal"], v4.port()).await;
    assert_eq!(untold, all);
    // As the machine itself knows its names.
    let own = ["localhost", "LOCALHOST"];
    assert_eq!(
        try_all(
            &own,
            SystemResolver::new(Arc::new(QuickClock::default())),
            &[],
            v4.port()
        )
        .await,
        4
    );
    assert_eq!((v4.connections(), v6.connections()), (0, 0));
}

#[tokio::test]
async fn most_spellings_would_reach_this_machine_if_it_were_allowed() {
    let (v4, v6) = on_loopback().await;
    let names = Names::answering(&[&["127.0.0.1"]]);
    let allowed = ["0.0.0.0/8", "127.0.0.0/8", "::/127"];
    let untold = try_all(SPELLINGS, names, &allowed, v4.port()).await;
    // What does not reach it is no host at all, or an address that leads elsewhere. The receiver does not speak TLS, so
    // there it sees connections alone.
    let told = 2 * SPELLINGS.len() - untold;
    assert_eq!(told, v4.received().len() + v6.received().len());
    assert!(told > 50, "{told}");
    assert_eq!(v4.connections() + v6.connections(), 2 * told);

    let own = Receiver::with(OK).await;
    let untold = try_all(
        &["localhost"],
        SystemResolver::new(Arc::new(QuickClock::default())),
        &["127.0.0.1", "::1"],
        own.port(),
    )
    .await;
    assert_eq!((untold, own.received().len()), (1, 1));
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_at_each_connection() {
    // The answer closes the connection, so that the next delivery needs another one.
    let allowed = Receiver::with(Reply::Status(200, "connection: close\r\n", "")).await;
    let inside = Receiver::at(&format!("127.0.0.2:{}", allowed.port()), vec![OK]).await;
    let names = Names::answering(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]);
    let webhooks = webhooks_with(QuickClock::default(), names.clone(), settings(&["127.0.0.1"]));
    let url = format!("http://hooks.example:{}/", allowed.port());
    let webhook = webhooks.publisher(&url, &[SECRET]).expect("a webhook");

    assert_eq!(webhook.publish(&[event(1)]).await, Ok(()));
    assert_eq!(names.asked(), 1, "it connects to the address that was checked");
    let Err(PublishError::Unfit(why)) = webhook.publish(&[event(2)]).await else {
        panic!("it is refused");
    };
    assert!(why.contains("hooks.example") && why.contains("127.0.0.2"), "{why}");
    assert_eq!(webhook.publish(&[event(2)]).await, Ok(()));
    assert_eq!((allowed.connections(), inside.connections()), (2, 0));
    assert!(
        allowed
            .received()
            .iter()
            .all(|received| received.header("host").starts_with("hooks.example:"))
    );
}

#[tokio::test]
async fn one_address_that_is_refused_refuses_the_name() {
    let allowed = Receiver::with(OK).await;
    for answer in [&["127.0.0.1", "127.0.0.2"], &["10.0.0.1", "127.0.0.1"]] {
        let names = Names::answering(&[answer]);
        let webhooks = webhooks_with(QuickClock::default(), names, settings(&["127.0.0.1"]));
        let url = format!("https://hooks.example:{}/", allowed.port());
        let webhook = webhooks.publisher(&url, &[SECRET]).expect("a webhook");
        let outcome = webhook.publish(&[event(1)]).await;
        assert!(matches!(outcome, Err(PublishError::Unfit(_))), "{outcome:?}");
    }
    assert_eq!(allowed.connections(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_may_have_one_later() {
    let receiver = Receiver::with(OK).await;
    let names = Names::answering(&[&[], &["127.0.0.1"]]);
    let webhooks = webhooks_with(QuickClock::default(), names, settings(&["hook.internal"]));
    let url = format!("http://hook.internal:{}/", receiver.port());
    let webhook = webhooks.publisher(&url, &[SECRET]).expect("a webhook");
    let outcome = webhook.publish(&[event(1)]).await;
    assert!(matches!(outcome, Err(PublishError::Unavailable { .. })), "{outcome:?}");
    assert_eq!(webhook.publish(&[event(1)]).await, Ok(()));
}
