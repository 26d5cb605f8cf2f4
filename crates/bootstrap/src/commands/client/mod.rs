//! `earmark order`, `product` and `batch`: a client of a running service, for people at a terminal and for scripts.
//!
//! What takes something away, or moves a promise, is shown before it is done: the service previews it, somebody agrees,
//! and it is done only if nothing has changed meanwhile.

pub(crate) mod address;
mod ask;
pub(crate) mod batch;
mod change;
mod consequences;
mod lists;
mod models;
pub(crate) mod order;
pub(crate) mod product;
mod remote;
mod screen;
mod shown;
mod tables;

use clap::Args;

use crate::commands::health::own_address;
use crate::failure::Failure;
use crate::settings::Settings;
use address::{ADDRESS_VARIABLE, ServiceAddress};
use remote::RemoteService;

/// Whom a command asks, and how it shows the answer.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    /// The service, by its address [default: EARMARK_TO, else http.listen on this machine]
    #[arg(id = "service", long = "to", value_name = "URL", global = true)]
    to: Option<String>,
    /// Print the answer of the service, as JSON
    #[arg(long, global = true)]
    json: bool,
}

impl ClientArgs {
    /// Takes the address that stands before the command, unless one stands behind it.
    pub(crate) fn speak_to(&mut self, to: String) {
        self.to.get_or_insert(to);
    }

    /// The service that is asked.
    ///
    /// # Errors
    /// When its address is none, or not known.
    fn service(&self, settings: &Settings) -> Result<RemoteService, Failure> {
        let variable = std::env::var(ADDRESS_VARIABLE).ok().filter(|url| !url.is_empty());
        let address = match (&self.to, variable) {
            (Some(to), _) => ServiceAddress::read("--to", to)?,
            (None, Some(variable)) => ServiceAddress::read(ADDRESS_VARIABLE, &variable)?,
            (None, None) if settings.http.encryption.is_some() => {
                return Err(Failure::Usage(
                    "the service is encrypted: name it with --to, as its certificate has it, as in \
                     https://stock.example:8443"
                        .to_owned(),
                ));
            }
            (None, None) => ServiceAddress::new(own_address("--to", &settings.http.listen)?)?,
        };
        RemoteService::new(address)
    }
}

/// Which part of a list is shown.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Only those after this one
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
}
