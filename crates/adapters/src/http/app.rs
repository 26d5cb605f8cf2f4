//! The actix application: all routes, within the layers that every request passes.

use std::sync::{Arc, LazyLock};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
use utoipa_actix_web::AppExt;

use super::api::Api;
use super::openapi::description::ApiDescription;
use super::sign_in::{page, person};
use super::{middleware, routes};

/// The description of the interface: the same for all workers, and made once.
static DESCRIPTION: LazyLock<Arc<ApiDescription>> = LazyLock::new(|| Arc::new(ApiDescription::of(routes::register)));

/// The whole interface as an application; each worker makes its own.
pub fn app(
    api: &Arc<Api>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let (app, _) = App::new()
        .into_utoipa_app()
        .configure(routes::register)
        .split_for_parts();
    app.app_data(web::Data::from(Arc::clone(api)))
        .app_data(web::Data::from(Arc::clone(&DESCRIPTION)))
        .service(routes::operations::explorer::redirect)
        .service(routes::operations::explorer::file)
        .service(page::show)
        .service(page::sign_in)
        .service(page::sign_out)
        .service(person::begin)
        .service(person::finish)
        .default_service(web::to(middleware::no_route))
        .wrap(from_fn(middleware::wrap))
}

/// The OpenAPI 3.1 document of the interface, as JSON.
#[must_use]
pub fn openapi() -> String {
    DESCRIPTION.text().to_owned()
}

#[cfg(test)]
mod tests {
    use earmark_application::CommandError;
    use earmark_domain::EVENT_TYPES;
    use jsonschema::Validator;
    use serde_json::{Value, json};

    use super::*;
    use crate::http::response::problem::Problem;
    use crate::wire::EventJson;
    use crate::wire::answers::refusals::tests::every;
    use crate::wire::events::tests::{books, event_of, facts};

    /// A component of the document as a schema.
    fn schema(component: &str) -> Validator {
        let mut document: Value = serde_json::from_str(&openapi()).expect("JSON");
        document["$ref"] = json!(format!("#/components/schemas/{component}"));
        let options = jsonschema::options().should_validate_formats(true);
        options.build(&document).expect("a schema")
    }

    fn require_valid(schema: &Validator, value: &Value) {
        let faults: Vec<String> = schema.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{value}: {faults:?}");
    }

    #[test]
    fn every_event_is_as_the_document_says() {
        let union = schema("Event");
        for fact in facts() {
            let event = event_of(&fact);
            let shown = json!(EventJson::of(&event, &books()).expect("JSON"));
            require_valid(&schema(&format!("{}Event", fact.name())), &shown);
            assert!(union.is_valid(&shown), "{shown}");
        }
        let document: Value = serde_json::from_str(&openapi()).expect("JSON");
        let mapping = &document["components"]["schemas"]["Event"]["discriminator"]["mapping"];
        assert_eq!(mapping.as_object().map(serde_json::Map::len), Some(EVENT_TYPES.len()));
    }

    #[test]
    fn every_refusal_is_as_the_document_says() {
        let union = schema("Problem");
        for refusal in every() {
            let problem = Problem::from(&CommandError::Refused(refusal));
            let body = serde_json::from_str(&problem.body()).expect("JSON");
            require_valid(&union, &body);
        }
    }
}
