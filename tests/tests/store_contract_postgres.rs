//! The contract of the stores, on Postgres: a real server, a database for each case.

use earmark_tests::contract;
use earmark_tests::databases::PostgresDatabase;

contract!(postgres: PostgresDatabase);
