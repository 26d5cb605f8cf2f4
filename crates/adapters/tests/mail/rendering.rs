//! What a digest looks like, in plain text and in HTML.

use earmark_adapters::mail::digest_mail;
use jiff::tz::TimeZone;

use crate::digests::{EVIL, evil, mail_of, section, usual};

#[test]
fn a_digest_says_what_is_short_who_waits_and_what_is_on_its_way() {
    let mail = mail_of(&usual());
    assert_eq!(
        mail.subject,
        "[Earmark] 2 to 40 products short, 2 broken promises, 1 overdue batch"
    );
    let expected = include_str!("digest.txt");
    assert!(mail.text == expected, "{}", mail.text);
}

#[test]
fn plain_text_has_78_columns() {
    for digest in [usual(), evil()] {
        let text = mail_of(&digest).text;
        let long: Vec<&str> = (text.lines())
            .filter(|line| line.chars().count() > 78 && line.trim_start().contains(' '))
            .collect();
        // A name alone may be longer, with what must not be apart from it.
        let words = long.iter().flat_map(|line| line.trim().split(' '));
        assert!(long.is_empty() || words.map(str::len).max() > Some(60), "{long:#?}");
    }
    let long = mail_of(&usual()).text.lines().map(|line| line.chars().count()).max();
    assert!(long <= Some(78), "{long:?}");
}

#[test]
fn names_can_not_add_anything_to_the_page() {
    let mail = mail_of(&evil());
    assert!(!mail.html.contains("<b>") && !mail.html.contains('\u{202e}'));
    assert!(mail.html.contains("<bdi>&lt;b&gt;&amp;&quot;&#39;&lt;U+202E&gt;"));
    assert!(!mail.text.contains('\u{202e}') && mail.text.contains("<U+202E>"));
    assert!(!mail.subject.contains(EVIL));
    for elsewhere in ["http:", "https:", "//", "url(", "@import", "<script", "<img"] {
        assert!(
            !mail.html.replace("</", "").replace("../", "").contains(elsewhere),
            "{elsewhere}"
        );
    }
}

/// With `EARMARK_MAIL_PAGE`, the page is written there, to be looked at.
#[test]
fn every_element_of_the_page_is_closed() {
    let mail = mail_of(&usual());
    if let Some(file) = std::env::var_os("EARMARK_MAIL_PAGE") {
        std::fs::write(file, &mail.html).expect("it is written");
    }
    for element in [
        "html", "head", "body", "div", "table", "tr", "td", "th", "h1", "h2", "bdi", "span", "p", "strong",
    ] {
        let opened =
            mail.html.matches(&format!("<{element}>")).count() + mail.html.matches(&format!("<{element} ")).count();
        assert_eq!(opened, mail.html.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn times_are_those_of_the_shop() {
    let mut digest = usual();
    let vienna = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
    let told = "As things stood on Mon 2030-06-10 at 12:15 CEST, after what happened between 12:01 and 12:13.";
    let lines = |text: &str| text.replace('\n', " ");
    let mail = digest_mail(&digest, &vienna);
    assert!(
        lines(&mail.text).contains(told) && mail.html.contains(told),
        "{}",
        mail.text
    );
    digest.since = "2030-06-07T15:30:00Z".parse().expect("an instant");
    let told = "after what happened between Fri 2030-06-07, 15:30 and 10:13.";
    assert!(lines(&mail_of(&digest).text).contains(told));
}

#[test]
fn a_mail_that_may_be_a_repeat_says_so() {
    let mut digest = usual();
    digest.may_repeat = true;
    let mail = mail_of(&digest);
    assert!(mail.text.contains("An earlier mail may have told some of this"));
    assert!(mail.html.contains("An earlier mail may have told some of this"));
}

#[test]
fn what_there_is_not_is_not_told() {
    let mut digest = usual();
    digest.broken = section(Vec::new(), 0);
    digest.overdue = section(Vec::new(), 0);
    digest.short.unseen = 0;
    let mail = mail_of(&digest);
    assert_eq!(mail.subject, "[Earmark] 2 products short");
    let (told, _) = mail.text.split_once("\n-- \n").expect("a footer");
    for heading in ["promise", "verdue batch", "looked at", "earlier mail"] {
        assert!(!told.contains(heading), "{heading}");
    }
}
