//! How a mail leaves, and what is certain when it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use earmark_adapters::clock::SystemClock;
use earmark_adapters::mail::{Mailbox, SmtpMailer, SmtpSettings};
use earmark_application::{Clock, Mail, MailError, Mailer};
use jiff::Timestamp;
use mail_parser::MessageParser;

use crate::digests::{evil, mail_of, usual};
use crate::smtp::{Deed, SmtpSink, Stage};

const TO: [&str; 2] = ["Buyers <buyers@shop.example>", "till@shop.example"];

pub(crate) fn mailbox(text: &str) -> Mailbox {
    text.parse().expect("an address")
}

/// How long a mail may take here.
const LIMIT: Duration = Duration::from_millis(1_500);

/// A mailer with the clock that it goes by.
pub(crate) struct Post {
    settings: SmtpSettings,
    mailer: SmtpMailer,
    clock: Arc<dyn Clock>,
}

impl Post {
    pub(crate) async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.mailer.send(mail, self.clock.monotonic() + LIMIT).await
    }
}

pub(crate) fn mailer(url: &str, to: &[&str]) -> Post {
    let settings = SmtpSettings {
        server: url.parse().expect("a mail server"),
        from: mailbox("Earmark <earmark@shop.example>"),
        to: to.iter().map(|to| mailbox(to)).collect(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mailer = SmtpMailer::new(settings.clone(), Arc::clone(&clock)).expect("a mailer");
    Post {
        settings,
        mailer,
        clock,
    }
}

async fn server(deed: Deed) -> (SmtpSink, Post) {
    let sink = SmtpSink::start().await;
    sink.script.plays([deed]);
    let mailer = mailer(&format!("smtp://127.0.0.1:{}", sink.port()), &TO);
    (sink, mailer)
}

/// What becomes of a mail, and whether the server has it.
async fn send(deed: Deed) -> (Result<(), MailError>, usize) {
    let (sink, mailer) = server(deed.clone()).await;
    sink.script.always(deed);
    let sent = mailer.send(&mail_of(&usual())).await;
    (sent, sink.script.taken().len())
}

#[tokio::test]
async fn a_mail_arrives_with_both_versions_for_everybody() {
    for digest in [usual(), evil()] {
        let (sink, mailer) = server(Deed::Takes).await;
        let mail = mail_of(&digest);
        mailer.send(&mail).await.expect("it is taken");
        let taken = sink.script.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].from, "earmark@shop.example");
        assert_eq!(taken[0].to, ["buyers@shop.example", "till@shop.example"]);
        // Lines are as long as every server takes them.
        let lines = taken[0].bytes.split(|byte| *byte == b'\n');
        assert!(lines.map(<[u8]>::len).max() <= Some(998));
        assert!(taken[0].bytes.is_ascii());

        let parsed = MessageParser::default().parse(&taken[0].bytes).expect("a mail");
        assert_eq!(parsed.subject(), Some(mail.subject.as_str()));
        let id = "0f8fad5bd9cb469fa16570867728950e.1-17.1-94@shop.example";
        assert_eq!(parsed.message_id(), Some(id));
        assert_eq!(parsed.date().expect("a date").to_timestamp(), mail.date.as_second());
        assert_eq!(
            parsed.header("Auto-Submitted").and_then(|value| value.as_text()),
            Some("auto-generated")
        );
        let lines = |text: &str| text.replace("\r\n", "\n").trim_end().to_owned();
        assert_eq!(lines(&parsed.body_text(0).expect("text")), lines(&mail.text));
        assert_eq!(lines(&parsed.body_html(0).expect("HTML")), lines(&mail.html));
        assert_eq!(
            (
                parsed.text_body_count(),
                parsed.html_body_count(),
                parsed.attachment_count()
            ),
            (1, 1, 0)
        );
    }
}

#[tokio::test]
async fn a_mail_that_is_put_off_was_certainly_not_taken() {
    for stage in [
        Stage::Greeting,
        Stage::Sender,
        Stage::Recipient,
        Stage::Data,
        Stage::End,
    ] {
        for answer in ["421 too busy", "450 come again"] {
            let (sent, taken) = send(Deed::Says(stage, answer)).await;
            let is_certain = matches!(sent, Err(MailError::Unavailable(_)));
            assert!(is_certain && taken == 0, "{answer} at {stage:?}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_says_why() {
    for stage in [Stage::Sender, Stage::Recipient, Stage::Data, Stage::End] {
        let (sent, taken) = send(Deed::Says(stage, "554 no buyers here")).await;
        assert!(
            matches!(&sent, Err(MailError::Refused(why)) if why.contains("no buyers here")),
            "{stage:?}: {sent:?}"
        );
        assert_eq!(taken, 0);
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    use Stage::{Data, End, Greeting, Hello, Recipient, Sender};
    for stage in [Greeting, Hello, Sender, Recipient, Data, End] {
        let begun = Instant::now();
        let (sent, _) = send(Deed::HangsAt(stage)).await;
        let is_right = match stage {
            // It may have the mail, and not have said so.
            End => matches!(sent, Err(MailError::Unknown(_))),
            _ => matches!(sent, Err(MailError::Unavailable(_))),
        };
        assert!(is_right, "{stage:?}: {sent:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{stage:?}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn nobody_knows_of_a_mail_whose_end_has_no_answer() {
    for deed in [Deed::TakesAndDrops, Deed::TakesAndHangs, Deed::DropsAt(Stage::End)] {
        let (sent, _) = send(deed.clone()).await;
        assert!(matches!(sent, Err(MailError::Unknown(_))), "{deed:?}: {sent:?}");
    }
    for stage in [Stage::Greeting, Stage::Sender, Stage::Recipient, Stage::Data] {
        let (sent, _) = send(Deed::DropsAt(stage)).await;
        assert!(matches!(sent, Err(MailError::Unavailable(_))), "{stage:?}: {sent:?}");
    }
    let nobody = mailer("smtp://127.0.0.1:1", &TO);
    let sent = nobody.send(&mail_of(&usual())).await;
    assert!(matches!(sent, Err(MailError::Unavailable(_))), "{sent:?}");
}

#[tokio::test]
async fn a_recipient_who_is_refused_does_not_keep_the_others_from_it() {
    let (sink, mailer) = server(Deed::SaysOf("till@shop.example", "550 no such user")).await;
    mailer.send(&mail_of(&usual())).await.expect("it is taken");
    assert_eq!(sink.script.taken()[0].to, ["buyers@shop.example"]);
}

#[tokio::test]
async fn a_recipient_who_is_put_off_is_waited_for() {
    let (sink, mailer) = server(Deed::SaysOf("till@shop.example", "450 come again")).await;
    let sent = mailer.send(&mail_of(&usual())).await;
    assert!(
        matches!(&sent, Err(MailError::Unavailable(why)) if why.starts_with("till@shop.example is put off")),
        "{sent:?}"
    );
    assert_eq!(sink.script.taken(), []);
    mailer.send(&mail_of(&usual())).await.expect("it is taken");
    assert_eq!(sink.script.taken()[0].to.len(), 2);
}

#[tokio::test]
async fn a_server_that_never_ends_a_line_is_given_up_before_it_fills_the_memory() {
    use Stage::{Data, End, Greeting, Hello, Recipient, Sender};
    for stage in [Greeting, Hello, Sender, Recipient, Data, End] {
        let (sink, mailer) = server(Deed::BabblesAt(stage)).await;
        let begun = Instant::now();
        let sent = mailer.send(&mail_of(&usual())).await;
        let is_right = match stage {
            End => matches!(sent, Err(MailError::Unknown(_))),
            _ => matches!(sent, Err(MailError::Unavailable(_))),
        };
        assert!(is_right, "{stage:?}: {sent:?}");
        assert!(begun.elapsed() < LIMIT, "{stage:?}: {:?}", begun.elapsed());
        // What it got rid of is in the buffers of the system, for the most part.
        let babbled = sink.script.babbled();
        assert!(babbled < 32 << 20, "{stage:?}: {babbled} bytes");
    }
}

/// The clock of a process that is stopped: its timers tell nothing, and yet the time goes on.
#[derive(Default)]
struct StoppedClock(AtomicU64);

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    async fn pause(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn who_was_stopped_before_the_mail_sends_nothing_when_the_time_is_over() {
    let clock = Arc::new(StoppedClock::default());
    let (sink, post) = server(Deed::WaitsAt(Stage::Data)).await;
    let mailer = SmtpMailer::new(post.settings, Arc::clone(&clock) as Arc<dyn Clock>).expect("a mailer");
    let sent = tokio::spawn(async move { mailer.send(&mail_of(&usual()), Duration::from_secs(2)).await });
    while sink.script.conversations() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    clock.0.store(3, Ordering::Relaxed);
    let sent = sent.await.expect("no panic");
    assert!(matches!(sent, Err(MailError::Unavailable(_))), "{sent:?}");
    assert_eq!(sink.script.taken(), []);
}

#[tokio::test]
async fn who_has_an_address_that_the_server_does_not_take_does_not_keep_the_others_from_it() {
    let to = ["käufer@shop.example", "buyers@käse.example"];
    let mail = mail_of(&usual());
    let sink = SmtpSink::start().await;
    let url = format!("smtp://127.0.0.1:{}", sink.port());
    mailer(&url, &to).send(&mail).await.expect("it is taken");
    let taken = sink.script.taken();
    assert_eq!(taken[0].to, ["buyers@xn--kse-qla.example"]);
    assert!(taken[0].bytes.is_ascii());
    // With nobody else it is refused.
    let sent = mailer(&url, &to[..1]).send(&mail).await;
    assert!(
        matches!(&sent, Err(MailError::Refused(why)) if why.contains("ASCII")),
        "{sent:?}"
    );

    let sink = SmtpSink::offering("250-SMTPUTF8\r\n").await;
    let url = format!("smtp://127.0.0.1:{}", sink.port());
    mailer(&url, &to).send(&mail).await.expect("it is taken");
    let taken = sink.script.taken();
    assert_eq!(taken[0].to, ["käufer@shop.example", "buyers@xn--kse-qla.example"]);
    let parsed = MessageParser::default().parse(&taken[0].bytes).expect("a mail");
    let named: Vec<_> = (parsed.to().expect("recipients").iter())
        .filter_map(|address| address.address())
        .collect();
    assert_eq!(named, taken[0].to);
}
