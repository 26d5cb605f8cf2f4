//! A digest as a mail.

use earmark_application::{Digest, Mail};

use super::html::html;
use super::text::text;
use super::words::subject;

/// Puts a digest into words.
#[must_use]
pub fn digest_mail(digest: &Digest) -> Mail {
    Mail {
        id: digest.id.clone(),
        date: digest.at,
        subject: subject(digest),
        text: text(digest),
        html: html(digest),
    }
}
