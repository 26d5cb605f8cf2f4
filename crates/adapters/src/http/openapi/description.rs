//! The description of the interface at run time: its document, and which path has which methods.

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use utoipa::openapi::{OpenApi, PathItem, ServerBuilder};
use utoipa_actix_web::service_config::ServiceConfig;

use super::document::document;
use crate::http::site::BasePath;

/// The paths of the explorer, which is not part of the document it shows.
const EXPLORER: [&str; 2] = ["/docs", "/docs/{file:.*}"];

/// What they are called.
const EXPLORER_ID: &str = "docs";

/// Where people sign in and out: pages, and no calls.
const FORMS: [(&str, &[(&str, &str)]); 4] = [
    ("/sign-in", &[("GET", "sign_in_page"), ("POST", "sign_in")]),
    ("/sign-in/provider", &[("GET", "sign_in_provider")]),
    ("/sign-in/callback", &[("GET", "sign_in")]),
    ("/sign-out", &[("POST", "sign_out")]),
];

/// The description of the interface.
pub(crate) struct ApiDescription {
    document: OpenApi,
    text: String,
    routes: Vec<Route>,
}

/// A path, and the methods it has, each with the id of its operation.
struct Route {
    path: ResourceDef,
    methods: Vec<(&'static str, String)>,
}

impl ApiDescription {
    /// The description of the routes that `register` registers.
    pub(crate) fn of(register: fn(&mut ServiceConfig<'_>)) -> Self {
        let document = document(register);
        let documented = document.paths.paths.iter().map(|(path, item)| Route {
            path: ResourceDef::new(path.as_str()),
            methods: methods(item),
        });
        let explorer = EXPLORER.map(|path| Route {
            path: ResourceDef::new(path),
            methods: vec![("GET", EXPLORER_ID.to_owned())],
        });
        let forms = FORMS.map(|(path, methods)| Route {
            path: ResourceDef::new(path),
            methods: methods.iter().map(|(method, id)| (*method, (*id).to_owned())).collect(),
        });
        let routes = documented.chain(explorer).chain(forms).collect();
        let text = text_of(&document);
        Self { document, text, routes }
    }

    /// The OpenAPI document as JSON.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The OpenAPI document of a service behind the path of a proxy, as JSON.
    pub(crate) fn text_under(&self, base: &BasePath) -> String {
        if base.is_root() {
            return self.text.clone();
        }
        let mut document = self.document.clone();
        document.servers = Some(vec![ServerBuilder::new().url(base.as_str()).build()]);
        text_of(&document)
    }

    /// Whether a path has a method.
    pub(crate) fn has_route(&self, path: &str, method: &Method) -> bool {
        self.methods_at(path).any(|known| known == method.as_str())
    }

    /// The id of the operation that a request is; `None`: it is none.
    pub(crate) fn call(&self, path: &str, method: &Method) -> Option<&str> {
        let matching = self.routes.iter().filter(|route| route.path.is_match(path));
        let mut calls = matching.flat_map(|route| &route.methods);
        let call = calls.find(|(known, _)| *known == method.as_str());
        call.map(|(_, id)| id.as_str())
    }

    /// The methods of a path: none where there is no such path.
    pub(crate) fn methods_at(&self, path: &str) -> impl Iterator<Item = &'static str> {
        let matching = self.routes.iter().filter(move |route| route.path.is_match(path));
        matching.flat_map(|route| route.methods.iter().map(|(method, _)| *method))
    }
}

fn text_of(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().expect("a document is always JSON");
    text.push('\n');
    text
}

fn methods(item: &PathItem) -> Vec<(&'static str, String)> {
    [
        ("DELETE", &item.delete),
        ("GET", &item.get),
        ("PATCH", &item.patch),
        ("POST", &item.post),
        ("PUT", &item.put),
    ]
    .into_iter()
    .filter_map(|(method, operation)| {
        let id = operation.as_ref()?.operation_id.clone();
        Some((method, id.unwrap_or_default()))
    })
    .collect()
}
