//! Settings: what the binary runs with, and where each value comes from.
//!
//! Layers, each outranking the one before: built-in defaults, a file, the environment, flags. An unknown setting or a
//! wrong value is refused before anything starts, with its name, its source and what is allowed.
//!
//! [`layers`] merges the layers into texts, [`values`] and [`store_url`] parse a text, [`effective`] has the result.

mod catalogue;
mod collector_url;
mod effective;
mod error;
mod layers;
mod limits;
mod mail;
mod meanings;
mod merged_values;
mod secrets;
mod sign_in;
mod sink_url;
mod source;
mod source_url;
mod store_url;
mod url_list;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use collector_url::CollectorUrl;
pub(crate) use effective::{
    CommandSettings, EventSettings, LogSettings, MailSettings, MailTransport, Settings, StoreSettings,
};
pub(crate) use layers::{Flag, Layers};
pub(crate) use limits::LimitSettings;
pub(crate) use meanings::MEANINGS;
pub(crate) use secrets::{Secret, masked, masked_arguments};
pub(crate) use sink_url::{SinkKind, SinkUrl};
pub(crate) use source_url::{SourceKind, SourceUrl};
pub(crate) use store_url::StoreUrl;
pub(crate) use values::{Listen, LogFormat};
