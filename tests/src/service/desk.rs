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
        let service = Service::start(&db.url()).await;
        Self {
            client: service.client(),
            service,
            db,
        }
    }

    /// Starts another service on the same database, as after a crash.
    pub async fn restart(&mut self) {
        self.service = Service::start(&self.db.url()).await;
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

/// Runs a case with a desk of its own, and then `earmark verify` on its database.
///
/// # Panics
/// When the case does, or when there is a discrepancy.
pub async fn at_the_desk<D, F>(case: fn(Desk) -> F)
where
    D: Database,
    F: Future<Output = ()> + Send + 'static,
{
    on_fresh::<D, _>(move |db| async move {
        case(Desk::open(db.clone()).await).await;
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
