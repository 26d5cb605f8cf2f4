//! Certificates: shown, asked for, and replaced while the service runs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use earmark_tests::service::{earmark_with, until};
use tokio::time::sleep;

use crate::authority::Authority;
use crate::client::Trust;
use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_encrypted_by_both_protocols() {
    let site = Site::open_with(&[("EARMARK__HTTP__HOSTS", "shop.example")]).await;
    let mut http_1 = site.trust().http_1(site.address()).await.expect("a handshake");
    for _ in 0..3 {
        let answer = http_1.get("/v1/products", "").await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!answer.to_lowercase().contains("strict-transport-security"), "{answer}");
    }
    let http_2 = site.trust().http_2(site.address()).await.under("shop.example");
    let answer = http_2.get("/v1/products").await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    // A client that asks for no protocol by name speaks HTTP/1.1, as ever.
    drop(site.trust().connect(site.address()).await.expect("a handshake"));
    site.service.until_logged("https://127.0.0.1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_a_certificate_of_the_named_authority_where_one_is_wanted() {
    let (clients, stranger) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("clients.pem");
    fs::write(&file, clients.pem()).expect("it is written");
    let site = Site::open_with(&[("EARMARK__HTTP__TLS_CLIENT_CA", file.to_str().expect("a path"))]).await;
    let get = async |trust: Trust| -> Option<String> {
        let mut connection = trust.http_1(site.address()).await.ok()?;
        connection.get("/health/live", "").await.ok()
    };
    let known = Trust::with(&site.authority, &clients.sign());
    let answer = get(known.clone()).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        known
            .http_2(site.address())
            .await
            .get("/health/live")
            .await
            .expect("an answer")
            .status,
        200
    );

    assert_eq!(get(Trust::of(&site.authority)).await, None);
    assert_eq!(get(Trust::with(&site.authority, &stranger.sign())).await, None);
    assert_eq!(get(Trust::with(&site.authority, &clients.sign_until(2020))).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_while_calls_run_and_none_of_them_fails() {
    let site = Arc::new(Site::open().await);
    let mut kept_1 = site.trust().http_1(site.address()).await.expect("a handshake");
    // Before its first request a connection has ten seconds, after it longer.
    drop(kept_1.get("/v1/products", "").await.expect("an answer"));
    let kept_2 = site.trust().http_2(site.address()).await;
    assert_eq!(kept_2.get("/v1/products").await.expect("an answer").status, 200);
    let first = site.shown().await;

    let done = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    for caller in 0..50 {
        let (site, done, answered) = (Arc::clone(&site), Arc::clone(&done), Arc::clone(&answered));
        callers.push(tokio::spawn(async move {
            let kept = site.trust().http_2(site.address()).await;
            while !done.load(Ordering::Relaxed) {
                // Half of them on connections that stay, half of them on new ones.
                if caller % 2 == 0 {
                    assert_eq!(kept.get("/v1/products").await.expect("an answer").status, 200);
                } else {
                    let mut new = site.trust().http_1(site.address()).await.expect("a handshake");
                    let answer = new.get("/v1/products", "").await.expect("an answer");
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                }
                answered.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(100)).await;
            }
        }));
    }
    let second = site.authority.sign();
    site.replace(&second.pem(), &second.key_pem());
    until("new connections are shown the new certificate", async || {
        (site.shown().await == second.der().to_vec()).then_some(())
    })
    .await;
    assert_ne!(first, second.der().to_vec());

    // One that can't be used changes nothing, and is told once.
    let third = site.authority.sign();
    for (certificate, key) in [
        (third.pem(), second.key_pem()),
        ("nonsense".to_owned(), third.key_pem()),
    ] {
        let before = site.logged("the new certificate can't be used");
        site.replace(&certificate, &key);
        until("it is told", async || {
            (site.logged("the new certificate can't be used") > before).then_some(())
        })
        .await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(site.logged("the new certificate can't be used"), before + 1);
        assert_eq!(site.shown().await, second.der().to_vec());
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no call failed");
    }
    assert!(answered.load(Ordering::Relaxed) >= 50);

    // The connections from before are open, and the next one that can be used is taken.
    let answer = kept_1.get("/v1/products", "").await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(kept_2.get("/v1/products").await.expect("an answer").status, 200);
    site.replace(&third.pem(), &third.key_pem());
    until("new connections are shown the third certificate", async || {
        (site.shown().await == third.der().to_vec()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_the_client_is_a_trusted_proxy_says_and_nobody_else() {
    for (trusted, expected) in [("127.0.0.0/8", "203.0.113.9"), ("10.0.0.5", "127.0.0.1")] {
        let site = Site::open_with(&[
            ("EARMARK__HTTP__TRUSTED_PROXIES", trusted),
            ("EARMARK__LOG__LEVEL", "info,earmark_adapters=debug"),
        ])
        .await;
        let mut client = site.trust().http_1(site.address()).await.expect("a handshake");
        let headers = "x-forwarded-for: 1.2.3.4, 203.0.113.9\r\n";
        drop(client.get("/v1/products", headers).await.expect("an answer"));
        let line = until("the answer is told", async || {
            let log = site.service.log();
            log.lines()
                .find(|line| line.contains("\"answered\""))
                .map(str::to_owned)
        })
        .await;
        assert!(line.contains(&format!("\"client\":\"{expected}\"")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_is_sent_encrypted_to_a_service_that_is_trusted() {
    let site = Site::open().await;
    let file = site.file("ca.pem");
    fs::write(&file, site.authority.pem()).expect("it is written");
    let trust = [("SSL_CERT_FILE", file.to_str().expect("a path"))];
    let to = format!("https://{}", site.address());
    let products = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/tiny/products.csv");
    let run = earmark_with("memory:", &trust, &["import", "products", products, "--to", &to]).await;
    let out = run.succeeded();
    assert!(
        out.lines()
            .any(|line| line.starts_with("named") && line.ends_with(" 9")),
        "{out}"
    );
    let client = site.trust().http_2(site.address()).await;
    let listed = client.get("/v1/products").await.expect("an answer").body;
    assert_eq!(listed.matches("\"sku\"").count(), 9, "{listed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_speaks_encrypted_to_a_service_that_it_trusts_and_to_no_other() {
    let site = Site::open().await;
    let file = site.file("ca.pem");
    fs::write(&file, site.authority.pem()).expect("it is written");
    let trust = [("SSL_CERT_FILE", file.to_str().expect("a path"))];
    let to = format!("https://{}", site.address());
    let ask = ["--to", &to, "product", "list", "--json"];
    let answer = earmark_with("memory:", &trust, &ask).await.succeeded();
    assert_eq!(answer, "{\"items\":[],\"next\":null}\n");
    let stranger = Authority::new();
    fs::write(&file, stranger.pem()).expect("it is written");
    let run = earmark_with("memory:", &trust, &ask).await.ended_with(1);
    assert!(
        run.err.contains("can't be reached: invalid peer certificate"),
        "{}",
        run.err
    );
    let plain = format!("http://{}", site.address());
    let run = earmark_with("memory:", &trust, &["--to", &plain, "product", "list"]).await;
    let run = run.ended_with(1);
    assert!(run.err.starts_with("earmark: "), "{}", run.err);
}
