//! What `earmark events` and `earmark commands` have in common: somebody is named, and some of what was put aside there is
//! listed or decided on.

use clap::Args;
use earmark_application::StoreError;

use crate::failure::Failure;
use crate::output::print;
use crate::settings::Settings;
use crate::wiring::{self, AccessMode, Ports};

/// How many are read at once.
const PAGE: usize = 500;

/// One of those that have put something aside.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// Its name, as `list` shows it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Some of what it has put aside.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    #[command(flatten)]
    pub(crate) of: Named,
    /// The numbers, as `dead` shows them; all where none is given
    #[arg(value_name = "NUMBER")]
    numbers: Vec<u64>,
}

impl Chosen {
    /// The numbers; `None`: all.
    pub(crate) fn numbers(&self) -> Option<&[u64]> {
        (!self.numbers.is_empty()).then_some(self.numbers.as_slice())
    }
}

/// Opens the store, which must be there: to be made by a decision on what is in it would only hide that its name was
/// mistyped.
///
/// # Errors
/// When it is not there, its schema is not up to date, or it can't be opened.
pub(crate) async fn open(settings: &Settings, changes: bool) -> Result<Ports, Failure> {
    let mode = if changes { AccessMode::Change } else { AccessMode::Read };
    wiring::wire(&settings.store, &settings.calendar, mode).await
}

/// The one of this name.
///
/// # Errors
/// When there is none: `missing` says what there is not.
pub(crate) fn find<'a, T, Name: PartialEq>(
    all: &'a [T],
    name_of: impl Fn(&T) -> &Name,
    name: &Name,
    missing: &str,
) -> Result<&'a T, Failure> {
    let found = all.iter().find(|one| name_of(one) == name);
    found.ok_or_else(|| Failure::Failed(missing.to_owned()))
}

/// Prints a line for each of what was put aside, page by page.
///
/// # Errors
/// When the store can't be read, or standard output is closed.
pub(crate) async fn print_pages<T>(
    page_after: impl AsyncFn(u64, usize) -> Result<Vec<T>, StoreError>,
    number: impl Fn(&T) -> u64,
    line: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = page_after(after, PAGE).await?;
        for one in &page {
            print(line(one))?;
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = number(last),
            _ => return Ok(()),
        }
    }
}
