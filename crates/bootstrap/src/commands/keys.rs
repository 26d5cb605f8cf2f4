//! `earmark keys`: the access keys of callers from outside.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use earmark_adapters::access_key::KeyText;
use earmark_application::{
    AccessKey, Bounds, KeyName, MAX_KEYS, PersonName, Prefix, Prefixes, Role, Roles, Session, sessions_in_force,
};
use jiff::{SignedDuration, Timestamp};

use crate::failure::Failure;
use crate::operator;
use crate::output::{eprint, print};
use crate::settings::Settings;
use crate::wiring::{self, AccessMode, Ports};

/// What is done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, and show it this once
    #[command(after_help = "\
What is printed on standard output is the key; only its hash is kept. Whoever holds it sends it with each call:
`Authorization: Bearer earmark_…`. From the first key on, the service wants one from everybody.

Roles: viewer reads; sales quotes, places, confirms, changes and cancels orders; warehouse receives, counts and
dispatches; planner makes and changes batches, dates, priorities and products; admin makes keys and decides on dead
letters. None includes another, but each may read. Whoever is bounded to orders or products knows of no others.

Examples:
  earmark keys create --name admin --role admin
  earmark keys create --name web-shop --role sales --expires 365d
  earmark keys create --name market --role sales --orders-with-prefix MKT- --orders-with-prefix M2-

Exit codes: 0 made; 1 there is a key of this name, or the database can't be written; 2 a setting or a role is wrong.")]
    Create {
        /// Its name, by which events call its holder: letters, digits, . - _
        #[arg(long, value_name = "NAME", value_parser = KeyName::new)]
        name: KeyName,
        /// What its holder may do; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<Role>,
        /// How the orders begin that its holder knows of; may be given several times
        #[arg(long = "orders-with-prefix", value_name = "PREFIX")]
        orders: Vec<Prefix>,
        /// How the SKUs begin that its holder knows of; may be given several times
        #[arg(long = "skus-with-prefix", value_name = "PREFIX")]
        skus: Vec<Prefix>,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// List the keys: their roles, ends and last uses
    #[command(after_help = "\
Examples:
  earmark keys list

Exit codes: 0 success; 1 the database can't be read; 2 a setting is wrong.")]
    List,
    /// Give a key another secret: the old one opens nothing any more
    #[command(after_help = "\
Examples:
  earmark keys rotate web-shop --expires 365d

Exit codes: 0 done; 1 there is no such key, or the database can't be written; 2 a setting is wrong.")]
    Rotate {
        /// The name of the key
        #[arg(value_name = "NAME", value_parser = KeyName::new)]
        name: KeyName,
        #[command(flatten)]
        expiry: Expiry,
    },
    /// Revoke a key: every instance refuses it within a second
    #[command(after_help = "\
Examples:
  earmark keys revoke web-shop

Exit codes: 0 done; 1 there is no such key, or the database can't be written; 2 a setting is wrong.")]
    Revoke {
        /// The name of the key
        #[arg(value_name = "NAME", value_parser = KeyName::new)]
        name: KeyName,
    },
    /// List who is signed in: by which key or as which person, since when, until when
    #[command(after_help = "\
Examples:
  earmark keys sessions

Exit codes: 0 success; 1 the database can't be read; 2 a setting is wrong.")]
    Sessions,
    /// Sign somebody out: every instance refuses the session within a second
    #[command(after_help = "\
The key still opens the service. Revoke it, or give it another secret, and its sessions end as well. A person signs in
anew as long as the identity provider knows them.

Examples:
  earmark keys sign-out 6f1c09d2a4e7
  earmark keys sign-out --key anna
  earmark keys sign-out --person oidc:anna@shop.example

Exit codes: 0 done; 1 there is no such session, or the database can't be written; 2 a setting is wrong.")]
    SignOut(Whose),
}

/// Whose sessions end.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whose {
    /// One session, by what `earmark keys sessions` calls it
    #[arg(value_name = "SESSION")]
    session: Option<String>,
    /// Every session of a key
    #[arg(long, value_name = "NAME", value_parser = KeyName::new)]
    key: Option<KeyName>,
    /// Every session of a person
    #[arg(long, value_name = "NAME", value_parser = PersonName::new)]
    person: Option<PersonName>,
}

/// When a key ends.
#[derive(Debug, Args)]
pub(crate) struct Expiry {
    /// When it ends: an instant as in 2027-01-31T00:00:00Z, or a time from now as in 12h or 365d
    #[arg(long = "expires", value_name = "WHEN", value_parser = read_end)]
    end: Option<End>,
}

/// An end, as it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    At(Timestamp),
    In(SignedDuration),
}

impl Expiry {
    fn after(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let end = match self.end {
            None => return Ok(None),
            Some(End::At(end)) => end,
            Some(End::In(time)) => now
                .checked_add(time)
                .map_err(|_| Failure::Usage("--expires lies too far ahead".to_owned()))?,
        };
        if end <= now {
            return Err(Failure::Usage(format!("--expires: {end} is over")));
        }
        Ok(Some(end))
    }
}

fn read_end(text: &str) -> Result<End, String> {
    let wrong = || "an instant as in 2027-01-31T00:00:00Z is allowed, or hours or days as in 12h or 365d".to_owned();
    let in_hours = |number: &str, hours: i64| {
        let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
        number.checked_mul(hours).and_then(|hours| hours.checked_mul(3_600))
    };
    let seconds = match (text.strip_suffix('h'), text.strip_suffix('d')) {
        (Some(hours), _) => in_hours(hours, 1).ok_or_else(wrong)?,
        (_, Some(days)) => in_hours(days, 24).ok_or_else(wrong)?,
        (None, None) => return text.parse().map(End::At).map_err(|_| wrong()),
    };
    Ok(End::In(SignedDuration::from_secs(seconds)))
}

/// Runs the command.
///
/// # Errors
/// When the store can't be read or written, or there is no such key.
pub(crate) async fn run(command: &KeysCommand, settings: &Settings) -> Result<ExitCode, Failure> {
    // The first key is made before the service has run.
    let mode = match command {
        KeysCommand::Create { .. } => AccessMode::Write,
        KeysCommand::List | KeysCommand::Sessions => AccessMode::Read,
        KeysCommand::Rotate { .. } | KeysCommand::Revoke { .. } | KeysCommand::SignOut(_) => AccessMode::Change,
    };
    let ports = wiring::wire(&settings.store, &settings.calendar, mode).await?;
    let now = ports.clock.now();
    match command {
        KeysCommand::Create {
            name,
            roles,
            orders,
            skus,
            expiry,
        } => {
            let roles = roles.iter().copied().collect();
            let bounds = bounds(orders, skus, roles)?;
            create(&ports, name, roles, bounds, expiry.after(now)?).await?;
        }
        KeysCommand::List => list(&ports.keys.all_keys().await?, now)?,
        KeysCommand::Rotate { name, expiry } => {
            let text = KeyText::new(ports.ids.secret());
            let end = expiry.after(now)?;
            let log = operator::entry(&ports, "rotate_key", name.as_str());
            if !ports.keys.rotate_key(name, text.hash(), end, &log).await? {
                return Err(unknown(name));
            }
            show(&text)?;
        }
        KeysCommand::Revoke { name } => {
            let log = operator::entry(&ports, "revoke_key", name.as_str());
            if !ports.keys.revoke_key(name, now, &log).await? {
                return Err(unknown(name));
            }
            print(format_args!("{name} is revoked"))?;
        }
        KeysCommand::Sessions => {
            for session in in_force(&ports, now).await? {
                let (hash, name) = (&session.hash, session.holder.name());
                let (began, ends) = (session.began_at, session.ends_at);
                print(format_args!("{hash}\t{name}\tsince {began:.0}\tuntil {ends:.0}"))?;
            }
        }
        KeysCommand::SignOut(whose) => sign_out(&ports, whose, now).await?,
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &KeyName) -> Failure {
    Failure::Failed(format!(
        "there is no key {name} that is not revoked; `earmark keys list` shows those there are"
    ))
}

/// What the holder of a key knows of.
fn bounds(orders: &[Prefix], skus: &[Prefix], roles: Roles) -> Result<Bounds, Failure> {
    let wrong = |option: &str, why: &dyn std::fmt::Display| Failure::Usage(format!("{option}: {why}"));
    let read = |option: &str, prefixes: &[Prefix]| {
        let prefixes = Prefixes::new(prefixes.iter().cloned());
        prefixes.map_err(|why| wrong(option, &why))
    };
    let bounds = Bounds {
        orders: read("--orders-with-prefix", orders)?,
        skus: read("--skus-with-prefix", skus)?,
    };
    bounds.go_with(roles).map_err(|why| wrong("--role", &why))?;
    Ok(bounds)
}

/// The sessions whose keys still open anything with the secret that began them, and those of people.
async fn in_force(ports: &Ports, now: Timestamp) -> Result<Vec<Session>, Failure> {
    Ok(sessions_in_force(&*ports.keys, &*ports.sessions, now).await?)
}

async fn sign_out(ports: &Ports, whose: &Whose, now: Timestamp) -> Result<(), Failure> {
    let Whose { session, key, person } = whose;
    let holder = key.as_ref().map(KeyName::as_str);
    let holder = holder.or_else(|| person.as_ref().map(PersonName::as_str));
    // No key is called as a person is.
    let is_meant = |known: &&Session| match (session, holder) {
        (Some(id), _) => known.hash.to_string() == *id,
        (None, Some(name)) => known.holder.name() == name,
        (None, None) => false,
    };
    let sessions = in_force(ports, now).await?;
    let mut ended = 0;
    for session in sessions.iter().filter(is_meant) {
        let log = operator::entry(ports, "sign_out", session.holder.name());
        ended += usize::from(ports.sessions.end_session(session.hash, &log).await?);
    }
    if ended == 0 {
        let none = "there is no such session; `earmark keys sessions` shows those there are";
        return Err(Failure::Failed(none.to_owned()));
    }
    print(format_args!("{ended} signed out"))?;
    Ok(())
}

async fn create(
    ports: &Ports,
    name: &KeyName,
    roles: Roles,
    bounds: Bounds,
    expires_at: Option<Timestamp>,
) -> Result<(), Failure> {
    let text = KeyText::new(ports.ids.secret());
    let key = AccessKey {
        name: name.clone(),
        hash: text.hash(),
        roles,
        bounds,
        created_at: ports.clock.now(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    let log = operator::entry(ports, "create_key", name.as_str());
    if !ports.keys.add_key(&key, &log).await? {
        return Err(Failure::Failed(format!(
            "there is a key {name} already, or there are {MAX_KEYS} keys; a name is given once, so that events keep \
             their meaning"
        )));
    }
    show(&text)
}

/// Prints a key, which can't be shown again.
fn show(text: &KeyText) -> Result<(), Failure> {
    eprint("This is the key; it can't be shown again:");
    print(text.expose())?;
    Ok(())
}

fn list(keys: &[AccessKey], now: Timestamp) -> Result<(), Failure> {
    if keys.is_empty() {
        print("there are no keys: on loopback everybody may do everything; `earmark keys create` makes the first")?;
    }
    for key in keys {
        let roles: Vec<&str> = key.roles.iter().map(Role::as_str).collect();
        let state = match (key.revoked_at, key.expires_at) {
            (Some(at), _) => format!("revoked at {at:.0}"),
            (None, Some(end)) if end <= now => format!("expired at {end:.0}"),
            (None, Some(end)) => format!("until {end:.0}"),
            (None, None) => "no end".to_owned(),
        };
        let used = key
            .last_used_at
            .map_or_else(|| "never used".to_owned(), |at| format!("last used at {at:.0}"));
        let (name, roles) = (&key.name, roles.join(","));
        let bounds = shown(&key.bounds);
        print(format_args!("{name}\t{roles}\t{state}\t{used}{bounds}"))?;
    }
    Ok(())
}

/// Bounds, where there are any.
fn shown(bounds: &Bounds) -> String {
    let kinds = [("orders", &bounds.orders), ("SKUs", &bounds.skus)];
    let shown = kinds.into_iter().filter(|(_, prefixes)| !prefixes.is_empty());
    let shown = shown.map(|(kind, prefixes)| {
        let texts: Vec<&str> = prefixes.iter().map(Prefix::as_str).collect();
        format!("\tonly {kind} with {}", texts.join(", "))
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_an_instant_or_a_time_from_now() {
        let in_hours = |hours: i64| Ok(End::In(SignedDuration::from_hours(hours)));
        assert_eq!(read_end("12h"), in_hours(12));
        assert_eq!(read_end("365d"), in_hours(365 * 24));
        let instant: Timestamp = "2027-01-31T00:00:00Z".parse().expect("an instant");
        assert_eq!(read_end("2027-01-31T00:00:00Z"), Ok(End::At(instant)));
        for text in ["", "0d", "-1d", "soon", "1w", "9223372036854775807d", "2027-01-31"] {
            assert!(read_end(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_end_that_is_over_is_refused() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().expect("an instant");
        let over = Expiry {
            end: Some(End::At(now)),
        };
        assert!(over.after(now).is_err());
        assert_eq!(Expiry { end: None }.after(now).expect("no end"), None);
    }
}
