//! Lists: a page of them, and how to get the next.

use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::PageArgs;
use super::models::Page;
use super::remote::{RemoteService, with_query};
use super::screen::Screen;
use super::shown::{quoted, shown_json};
use crate::failure::Failure;
use crate::output::eprint;

/// Shows a page of a list. A page may be empty though the list goes on, where few of many are looked for: then it is the
/// next that is not.
///
/// # Errors
/// When it is refused, or the service can't be reached.
pub(super) async fn show_page<T: DeserializeOwned>(
    service: &RemoteService,
    list: &str,
    query: &[(&str, Option<String>)],
    page: &PageArgs,
    json: bool,
    table: impl FnOnce(&[T], Option<u16>) -> String,
) -> Result<ExitCode, Failure> {
    let mut after = page.after.clone();
    let reply = loop {
        let mut query = query.to_vec();
        query.push(("limit", Some(page.limit.to_string())));
        query.push(("after", after.clone()));
        let reply = service.get(with_query(list.to_owned(), &query)).await?;
        let found: Page<Value> = reply.read_raw()?;
        // A list that does not get on is none of Earmark's.
        if found.next.is_none() || found.next == after || !found.items.is_empty() {
            break reply;
        }
        after = found.next;
    };
    let found: Page<T> = reply.read()?;
    let screen = Screen::Answers;
    match (json, found.items.is_empty()) {
        (true, _) => screen.show(&shown_json(&reply.text))?,
        (false, true) => eprint("there are none"),
        (false, false) => screen.show(&table(&found.items, screen.width()))?,
    }
    // In JSON it stands already.
    if let Some(next) = found.next.filter(|_| !json) {
        eprint(format_args!("\nThere are more: --after {}", quoted(&next)));
    }
    Ok(ExitCode::SUCCESS)
}
