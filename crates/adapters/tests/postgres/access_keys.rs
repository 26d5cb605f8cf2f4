//! What only this store has to do for access keys: a step may run twice, when the connection is lost before its answer.

use earmark_application::{
    AccessEntry, AccessKey, AccessLog, Bounds, Caller, EntryId, KeyHash, KeyName, Keys, MAX_KEYS, Roles,
};

use crate::database::with_database;
use crate::shop::context;

fn key(secret: u8) -> AccessKey {
    AccessKey {
        name: KeyName::new("shop").expect("a name"),
        hash: KeyHash([secret; 32]),
        roles: Roles::OF_THE_SHOP,
        bounds: Bounds::default(),
        created_at: context().now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_added_again_is_the_same_key_even_if_there_is_no_more_room() {
    with_database(async |database| {
        let store = database.store().await;
        let log = |secret: u8| {
            AccessEntry::done(
                EntryId([secret; 16]),
                context().now,
                Caller::default(),
                "create_key",
                "shop",
            )
        };
        let add = async |key: &AccessKey| store.add_key(key, &log(key.hash.0[0])).await.expect("it answers");
        let others = MAX_KEYS - 1;
        let others = format!(
            "INSERT INTO access_keys (name, hash, roles, created_at) \
             SELECT n::text, sha256(n::text::bytea), 'viewer', now() FROM generate_series(1, {others}) AS n"
        );
        database
            .outsider()
            .await
            .batch_execute(&others)
            .await
            .expect("the rows are valid");
        assert!(add(&key(1)).await);
        let now = context().now;
        store.note_key_used(key(1).hash, now).await.expect("it answers");
        let known = store.key_of(key(1).hash).await.expect("it answers");
        assert!(add(&key(1)).await);
        assert_eq!(store.key_of(key(1).hash).await.expect("it answers"), known);
        // Another secret is another key.
        assert!(!add(&key(2)).await);
        assert_eq!(store.key_of(key(1).hash).await.expect("it answers"), known);
        assert_eq!(store.all_keys().await.expect("it answers").len(), MAX_KEYS);
        // And is logged once.
        let logged = store.access_entries(0, 10).await.expect("it answers");
        let logged: Vec<EntryId> = logged.into_iter().map(|logged| logged.entry.id).collect();
        assert_eq!(logged, [log(1).id]);
    })
    .await;
}
