//! The address of a collector of traces.

use std::str::FromStr;

use url::Url;

/// Where traces are sent: the address of a collector, with the path of traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CollectorUrl(Url);

/// The path of traces, below the address of the collector, as the specification of OTLP has it.
const PATH: &str = "v1/traces";

impl CollectorUrl {
    /// The address that traces are sent to.
    pub(crate) const fn traces(&self) -> &Url {
        &self.0
    }
}

impl FromStr for CollectorUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = "an address is allowed, as in http://localhost:4318 or https://collector.example".to_owned();
        let mut url = Url::parse(text).map_err(|_| allowed.clone())?;
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return Err(allowed);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(
                "an address without a user is allowed; what the collector wants to be shown is in the variable \
                 OTEL_EXPORTER_OTLP_HEADERS"
                    .to_owned(),
            );
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url.join(PATH).map(Self).map_err(|_| allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_to_their_path_below_the_address() {
        let of = |text: &str| text.parse::<CollectorUrl>().map(|url| url.traces().to_string());
        assert_eq!(
            of("http://localhost:4318"),
            Ok("http://localhost:4318/v1/traces".to_owned())
        );
        assert_eq!(
            of("https://shop.example/otel/"),
            Ok("https://shop.example/otel/v1/traces".to_owned())
        );
        assert_eq!(
            of("https://shop.example/otel"),
            Ok("https://shop.example/otel/v1/traces".to_owned())
        );
        for wrong in [
            "localhost:4318",
            "grpc://localhost:4317",
            "http://",
            "http://a/?b",
            "http://me:s@a",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
