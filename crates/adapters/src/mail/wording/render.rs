//! A digest as a mail.

use earmark_application::{Digest, Mail};
use jiff::tz::TimeZone;

use super::html::html;
use super::text::text;
use super::words::subject;

/// Puts a digest into words, with the times of a zone.
#[must_use]
pub fn digest_mail(digest: &Digest, zone: &TimeZone) -> Mail {
    Mail {
        id: digest.id.clone(),
        date: digest.at,
        subject: subject(digest),
        text: text(digest, zone),
        html: html(digest, zone),
    }
}
