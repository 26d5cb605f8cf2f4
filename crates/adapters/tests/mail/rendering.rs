//! What a digest looks like, in plain text and in HTML.

use earmark_adapters::mail::digest_mail;

use crate::digests::{EVIL, evil, usual, worst};

#[test]
fn a_digest_says_what_is_short_who_waits_and_what_is_on_its_way() {
    let mail = digest_mail(&usual());
    assert_eq!(
        mail.subject,
        "[Earmark] 40 products short, 2 broken promises, 1 overdue batch"
    );
    let expected = include_str!("digest.txt");
    assert!(mail.text == expected, "{}", mail.text);
}

#[test]
fn plain_text_has_78_columns() {
    for digest in [usual(), evil()] {
        let text = digest_mail(&digest).text;
        let long: Vec<&str> = (text.lines())
            .filter(|line| line.chars().count() > 78 && line.trim_start().contains(' '))
            .collect();
        // A name alone may be longer, with what must not be apart from it.
        let words = long.iter().flat_map(|line| line.trim().split(' '));
        assert!(long.is_empty() || words.map(str::len).max() > Some(60), "{long:#?}");
    }
    let long = digest_mail(&usual())
        .text
        .lines()
        .map(|line| line.chars().count())
        .max();
    assert!(long <= Some(78), "{long:?}");
}

#[test]
fn names_can_not_add_anything_to_the_page() {
    let mail = digest_mail(&evil());
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
    let mail = digest_mail(&usual());
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
fn what_there_is_not_is_not_told() {
    let mut digest = usual();
    digest.broken = worst(Vec::new(), 0);
    digest.overdue = worst(Vec::new(), 0);
    digest.short.more = 0;
    let mail = digest_mail(&digest);
    assert_eq!(mail.subject, "[Earmark] 2 products short");
    let (told, _) = mail.text.split_once("\n-- \n").expect("a footer");
    for heading in ["promise", "verdue batch"] {
        assert!(!told.contains(heading), "{heading}");
    }
}
