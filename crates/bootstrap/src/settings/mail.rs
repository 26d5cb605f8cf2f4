//! The settings of mail: which server takes it, from whom, and to whom.

use std::str::FromStr;
use std::time::Duration;

use earmark_adapters::mail::{Mailbox, SmtpServer};

/// The most recipients: as many as every mail server has to take.
const MAX_RECIPIENTS: usize = 100;

/// The longest interval, in seconds: a day.
const MAX_INTERVAL: u64 = 24 * 60 * 60;

/// How digests leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MailUrl {
    /// `log:`.
    Log,
    /// `smtp://…` or `smtps://…`.
    Smtp(SmtpServer),
}

impl FromStr for MailUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "log:" {
            return Ok(Self::Log);
        }
        let server = text.parse().map(Self::Smtp);
        server.map_err(|error| format!("log: is allowed, or a mail server: {error}"))
    }
}

/// The sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sender(pub(super) Mailbox);

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error| format!("{error}"))
    }
}

/// The recipients, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Recipients(pub(super) Vec<Mailbox>);

impl FromStr for Recipients {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut recipients: Vec<Mailbox> = Vec::new();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let recipient: Mailbox = (word.parse()).map_err(|error| format!("{error}; commas separate several"))?;
            if recipients.iter().any(|known| known.as_str() == recipient.as_str()) {
                return Err(format!("{} is there twice", recipient.as_str()));
            }
            recipients.push(recipient);
        }
        if recipients.len() > MAX_RECIPIENTS {
            return Err(format!("{MAX_RECIPIENTS} addresses at most are allowed"));
        }
        Ok(Self(recipients))
    }
}

/// How often a digest is sent at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval(pub(super) Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse::<u64>().ok();
        let seconds = seconds.filter(|seconds| (1..=MAX_INTERVAL).contains(seconds));
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| format!("a whole number of seconds from 1 to {MAX_INTERVAL} is allowed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_goes_to_the_log_or_to_a_server() {
        assert_eq!("log:".parse(), Ok(MailUrl::Log));
        assert!(matches!("smtp://mail:25".parse(), Ok(MailUrl::Smtp(_))));
        for bad in ["", "log", "log:x", "mail:25", "sendmail:"] {
            assert!(bad.parse::<MailUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn recipients_are_addresses_each_there_once() {
        let two: Recipients = "a@shop.example, Buyers <b@shop.example>"
            .parse()
            .expect("two recipients");
        let addresses: Vec<&str> = two.0.iter().map(Mailbox::as_str).collect();
        assert_eq!(addresses, ["a@shop.example", "b@shop.example"]);
        assert_eq!("".parse(), Ok(Recipients::default()));
        assert!("buyers".parse::<Recipients>().is_err());
        assert!("a@shop.example,A <a@shop.example>".parse::<Recipients>().is_err());
        let many: Vec<String> = (0..=MAX_RECIPIENTS)
            .map(|number| format!("a{number}@shop.example"))
            .collect();
        assert!(many.join(",").parse::<Recipients>().is_err());
    }
}
