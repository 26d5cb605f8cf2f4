//! The actix application: all routes, within the layers that every request passes.

use std::sync::{Arc, LazyLock};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
use utoipa_actix_web::AppExt;

use super::api::Api;
use super::openapi::description::ApiDescription;
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
        .default_service(web::to(middleware::no_route))
        .wrap(from_fn(middleware::wrap))
}

/// The OpenAPI 3.1 document of the interface, as JSON.
#[must_use]
pub fn openapi() -> String {
    DESCRIPTION.text().to_owned()
}
