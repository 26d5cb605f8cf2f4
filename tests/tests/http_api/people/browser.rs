//! A browser that goes to the provider and comes back.

use std::collections::BTreeMap;

use earmark_tests::identity_provider::{HOST, IdentityProvider};
use reqwest::{Method, Response, redirect};
use serde_json::Value;

/// A browser: it keeps its cookies, and says of what it sends from which page it is.
#[derive(Clone)]
pub(super) struct Browser {
    http: reqwest::Client,
    pub(super) base: String,
    pub(super) cookies: BTreeMap<String, String>,
}

/// An answer, read to its end.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) location: String,
    pub(super) cookies: Vec<String>,
    pub(super) text: String,
}

impl Browser {
    pub(super) fn at(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .expect("a client");
        Self {
            http,
            base: base.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self.http.request(method, format!("{}{path}", self.base));
        match cookies.is_empty() {
            true => request,
            false => request.header("cookie", cookies.join("; ")),
        }
    }

    /// Looks at a page, and keeps its cookies.
    pub(super) async fn get(&mut self, path: &str) -> Seen {
        let request = self.request(Method::GET, path).header("sec-fetch-site", "same-origin");
        self.see(request.send().await.expect("a reply")).await
    }

    /// Follows a link on a page of another site.
    pub(super) async fn led_to(&mut self, path: &str) -> Seen {
        let request = self.request(Method::GET, path).header("sec-fetch-site", "cross-site");
        self.see(request.send().await.expect("a reply")).await
    }

    /// What a page of the service sends.
    pub(super) async fn send(&mut self, method: Method, path: &str, kind: &str, body: String) -> Seen {
        let request = self.request(method, path).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", kind).body(body);
        self.see(request.send().await.expect("a reply")).await
    }

    pub(super) async fn json(&mut self, method: Method, path: &str, body: &Value) -> Seen {
        self.send(method, path, "application/json", body.to_string()).await
    }

    async fn see(&mut self, reply: Response) -> Seen {
        let text_of = |value: &reqwest::header::HeaderValue| value.to_str().expect("text").to_owned();
        let cookies: Vec<String> = reply.headers().get_all("set-cookie").iter().map(text_of).collect();
        for cookie in &cookies {
            let (name, value) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Seen {
            status: reply.status().as_u16(),
            location: reply.headers().get("location").map(text_of).unwrap_or_default(),
            cookies,
            text: reply.text().await.expect("text"),
        }
    }

    /// Goes to the provider; answers the path at which it is to come back.
    pub(super) async fn sent_to(&mut self, provider: &IdentityProvider) -> String {
        let sent = self.get("/sign-in/provider").await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        let back = provider.visited(&sent.location);
        back.strip_prefix(HOST)
            .expect("where it was to be sent back to")
            .to_owned()
    }

    /// Goes to the provider and comes back, as from another site.
    pub(super) async fn signs_in(&mut self, provider: &IdentityProvider) -> Seen {
        let back = self.sent_to(provider).await;
        self.led_to(&back).await
    }

    /// Whether it is let in.
    pub(super) async fn is_let_in(&mut self) -> bool {
        self.get("/v1/products").await.status == 200
    }
}
