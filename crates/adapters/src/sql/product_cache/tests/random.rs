//! Random commands, some of them of another instance.

use proptest::prelude::*;

use super::{ProductCache, Tables, allocate, create};

#[derive(Debug, Clone)]
enum Step {
    Create { of: usize, quantity: i32 },
    Allocate { of: usize, quantity: i32, split: bool },
    ByAnotherInstance { of: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..2_usize, 1..4_i32).prop_map(|(of, quantity)| Step::Create { of, quantity }),
        6 => (0..2_usize, 1..5_i32, any::<bool>()).prop_map(
            |(of, quantity, split)| Step::Allocate { of, quantity, split }
        ),
        1 => (0..2_usize).prop_map(|of| Step::ByAnotherInstance { of }),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    /// Whatever has happened: if the cached versions are those of the tables, so is everything else.
    #[test]
    fn a_product_that_is_cached_in_its_current_version_is_as_it_is_stored(steps in steps()) {
        const OF: [&str; 2] = ["LAMP", "CHAIR"];
        let (mut tables, mut product_cache) = (Tables::default(), ProductCache::default());
        for (number, step) in steps.into_iter().enumerate() {
            let (command, noted) = match step {
                Step::Create { of, quantity } => (create(number, OF[of], quantity), true),
                Step::Allocate { of, quantity, split } => (allocate(number, OF[of], quantity, split), true),
                Step::ByAnotherInstance { of } => (allocate(number, OF[of], 1, false), false),
            };
            let mut scope = command.scope();
            let read = tables.load(&scope);
            let mut loaded = product_cache.cached(&scope).unwrap_or_else(|| {
                product_cache.filled(&read);
                read.clone()
            });
            if loaded.products != read.products {
                // The store finds out, and loads.
                product_cache.distrust(&scope.skus);
                product_cache.filled(&read);
                loaded = read.clone();
            }
            prop_assert_eq!(&loaded, &read);
            let changes = match tables.run(&command, loaded) {
                Some(changes) => changes,
                None => {
                    scope.all_batches_of = scope.skus.clone();
                    prop_assert!(product_cache.cached(&scope).is_none_or(|loaded| loaded.batch_pages_cut.is_empty()));
                    let read = tables.load(&scope);
                    product_cache.filled(&read);
                    tables.run(&command, read).expect("all was loaded")
                }
            };
            if noted {
                product_cache.apply(&changes);
            }
        }
    }
}
