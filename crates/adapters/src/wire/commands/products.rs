//! Commands on products.

use earmark_domain::{ProductName, PutProduct, Sku};

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::values::{count, text};

/// Reads the change of a product, which names at least one of its fields.
pub fn put_product(sku: Option<Sku>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PutProduct> {
    let name = fields.given("name", faults, text(|text: &str| ProductName::new(text)));
    let safety_stock = fields.given("safety_stock", faults, count);
    if name == Some(None) && safety_stock == Some(None) {
        faults.add(fields.path(), "must have at least one of name, safety_stock");
    }
    Some(PutProduct {
        sku: sku?,
        name: name?,
        safety_stock: safety_stock?,
    })
}
