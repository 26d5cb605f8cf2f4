//! Litestream beside SQLite under load: both are killed at once, and the books are restored from its replica.
