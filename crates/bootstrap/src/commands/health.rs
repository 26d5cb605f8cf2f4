//! `earmark health`: asks a running service whether it is ready, as containers and units do.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use crate::failure::Failure;
use crate::http_client::{http_client, root_cause};
use crate::output::print;
use crate::settings::{Listen, Settings, masked};

/// The probe of readiness.
const PATH: &str = "health/ready";

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What is read of the answer: more than any that comes from Earmark has.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// Asks the service at this address, or at the one that the settings name.
///
/// # Errors
/// When it is not ready, or no service answers in time.
pub(crate) async fn run(settings: &Settings, url: Option<&str>) -> Result<ExitCode, Failure> {
    let address = match url {
        Some(url) => address_of(url)?,
        None if settings.http.encryption.is_some() => {
            return Err(Failure::Usage(
                "the service is encrypted: name it with --url, as its certificate has it, as in \
                 https://stock.example:8443"
                    .to_owned(),
            ));
        }
        None => own_address("--url", &settings.http.listen)?,
    };
    let shown = masked(address.as_str().trim_end_matches('/'));
    match ask(&address).await {
        Ok(()) => {
            print(format_args!("{shown} is ready"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => Err(Failure::Failed(format!("{shown} is not ready: {why}"))),
    }
}

/// The address that somebody gives.
fn address_of(url: &str) -> Result<Url, Failure> {
    let wrong = |why: String| {
        Failure::Usage(format!(
            "--url {}: {why}; an address is, for example, http://localhost:8080",
            masked(url)
        ))
    };
    let mut address = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
    if !matches!(address.scheme(), "http" | "https") {
        return Err(wrong("only http and https are supported".to_owned()));
    }
    if !address.path().ends_with('/') {
        address.set_path(&format!("{}/", address.path()));
    }
    Ok(address)
}

/// Where a service with these settings can be reached from the same machine; a flag names another.
pub(super) fn own_address(flag: &str, listen: &Listen) -> Result<Url, Failure> {
    let failed = |why: String| Failure::Failed(format!("can't find the service at {listen}: {why}"));
    let addresses = listen.resolve().map_err(|error| failed(error.to_string()))?;
    let address = addresses
        .first()
        .ok_or_else(|| failed("there is no address".to_owned()))?;
    if address.port() == 0 {
        return Err(Failure::Usage(format!(
            "http.listen has the port 0, so where the service listens is not known; name it with {flag}"
        )));
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = format!("http://{}/", SocketAddr::new(ip, address.port()));
    Url::parse(&address).map_err(|error| failed(error.to_string()))
}

/// Whether the service at an address is ready; if not, why.
async fn ask(address: &Url) -> Result<(), String> {
    let url = address.join(PATH).map_err(|error| error.to_string())?;
    let client = http_client(&url).map_err(|error| error.to_string())?;
    let request = Request::get(url.as_str()).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let asked = async {
        let answer = client.request(request).await.map_err(|error| root_cause(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|_| "what answers is not Earmark".to_owned())?;
        Ok::<_, String>((status, serde_json::from_slice(&body.to_bytes()).unwrap_or_default()))
    };
    let late = |_| format!("there is no answer within {} seconds", TIMEOUT.as_secs());
    let (status, body): (StatusCode, Value) = timeout(TIMEOUT, asked).await.map_err(late)??;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (status, text("status"), text("detail")) {
        (StatusCode::OK, Some("ready"), _) => Ok(()),
        (StatusCode::OK, _, _) => Err("what answers is not Earmark".to_owned()),
        (status, _, Some(detail)) => Err(format!("{detail} ({})", status.as_u16())),
        (status, _, None) => Err(format!("it answers {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_of_the_settings_is_asked_on_this_machine() {
        let url = |listen: &str| own_address("--url", &listen.parse().expect("an address")).map(|url| url.to_string());
        for (listen, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000/"),
            ("[::]:9000", "http://[::1]:9000/"),
            ("10.1.2.3:80", "http://10.1.2.3/"),
        ] {
            assert_eq!(url(listen).ok().as_deref(), Some(expected));
        }
        assert!(matches!(url("127.0.0.1:0"), Err(Failure::Usage(_))));
    }

    #[test]
    fn an_address_is_that_of_the_service_or_of_the_path_that_a_proxy_has_for_it() {
        let url = |address: &str| address_of(address).map(|url| url.to_string());
        assert_eq!(url("http://shop:1").ok().as_deref(), Some("http://shop:1/"));
        assert_eq!(url("http://shop/stock").ok().as_deref(), Some("http://shop/stock/"));
        assert!(matches!(url("shop:1"), Err(Failure::Usage(_))));
        assert!(matches!(url("ftp://shop"), Err(Failure::Usage(_))));
    }
}
