//! The contract of the stores, on a PostgreSQL server, with a database for each case.

use earmark_tests::contract;
use earmark_tests::databases::PostgresDatabase;

contract!(postgres: PostgresDatabase);
