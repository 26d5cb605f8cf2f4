//! The desk: a service on a fresh database, with a client.

use std::ops::Deref;

use super::binary::earmark;
use super::client::Client;
use super::process::Service;
use super::raw::RawConnection;
use crate::databases::{Database, Db, on_fresh};

/// A service on a database of its own. Used as a [`Client`] of it.
pub struct Desk {
    /// The service.
    pub service: Service,
    /// A client of it.
    pub client: Client,
    /// The database.
    pub db: Db,
    /// The variables of the environment in which services are started.
    variables: Vec<(String, String)>,
}

impl Deref for Desk {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Desk {
    /// Starts a service on a database.
    pub async fn open(db: Db) -> Self {
        Self::open_with(db, Vec::new()).await
    }

    /// Starts a service on a database, with these variables in its environment and in that of its successors.
    pub async fn open_with(db: Db, variables: Vec<(String, String)>) -> Self {
        let service = start(&db, &variables).await;
        Self {
            client: service.client(),
            service,
            db,
            variables,
        }
    }

    /// Starts another service on the same database, as after a crash.
    pub async fn restart(&mut self) {
        self.service = start(&self.db, &self.variables).await;
        self.client = self.service.client();
    }

    /// A raw connection to the service.
    pub async fn raw(&self) -> RawConnection {
        RawConnection::open(self.service.address()).await
    }

    /// Runs `earmark verify` on the database.
    ///
    /// # Panics
    /// When it finds a discrepancy.
    pub async fn verify(&self) -> String {
        earmark(&self.db.url(), &["verify"]).await.succeeded()
    }
}

async fn start(db: &Db, variables: &[(String, String)]) -> Service {
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    Service::start_with(&db.url(), &variables).await
}

/// Runs a case with a desk of its own, whose every answer has to be as documented, and then `earmark verify` on its
/// database.
///
/// # Panics
/// When the case does, or when there is a discrepancy.
pub async fn at_the_desk<D, F>(case: fn(Desk) -> F)
where
    D: Database,
    F: Future<Output = ()> + Send + 'static,
{
    on_fresh::<D, _>(move |db| async move {
        let desk = Desk::open(db.clone()).await;
        let client = desk.client.clone().as_documented();
        case(Desk { client, ..desk }).await;
        drop(earmark(&db.url(), &["verify"]).await.succeeded());
    })
    .await;
}

/// Expands cases that take a [`Desk`] for every database; with a server only under the feature `servers`.
#[macro_export]
macro_rules! on_each_database {
    ($($case:ident,)+) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::service::at_the_desk::<$crate::databases::SqliteDatabase, _>(super::$case).await;
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::service::at_the_desk::<$crate::databases::PostgresDatabase, _>(super::$case).await;
            })+
        }
    };
}
