//! What a later release of the same version may add: fields, words, reasons. A schema that others keep must let it pass,
//! or each addition would break whoever checks events by it.

use serde_json::{Map, Value, json};

use super::json::LISTS;

/// The schema that lets additions pass, and says of what is known the same.
pub(super) fn open(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    schema.remove("additionalProperties");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            *property = open(property.take());
        }
    }
    if let Some(items) = schema.get_mut("items") {
        *items = open(items.take());
    }
    if let Some(variants) = schema.remove("oneOf") {
        let variants = match tagged(&variants) {
            Some(tags) => with_others(variants, &tags),
            None => variants,
        };
        schema.insert("anyOf".to_owned(), variants);
    }
    for list in LISTS {
        for variant in schema.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            *variant = open(variant.take());
        }
    }
    if let Some(words) = schema.remove("enum") {
        let others = json!({"description": "A word that a later release has added."});
        schema.insert("anyOf".to_owned(), json!([{"enum": words}, others]));
    }
    Value::Object(schema)
}

/// The names of the variants that are objects, if each variant is an object with one member that names it, or words.
fn tagged(variants: &Value) -> Option<Vec<Value>> {
    let mut tags = Vec::new();
    for variant in variants.as_array()? {
        match variant["required"].as_array().map(Vec::as_slice) {
            Some([tag]) => tags.push(tag.clone()),
            _ if variant["enum"].is_array() => {}
            _ => return None,
        }
    }
    Some(tags)
}

/// The variants, the words in one, and a variant for those to come: a member by another name.
fn with_others(variants: Value, tags: &[Value]) -> Value {
    let Value::Array(variants) = variants else {
        return variants;
    };
    let (words, mut objects): (Vec<Value>, Vec<Value>) =
        variants.into_iter().partition(|variant| variant["enum"].is_array());
    let mut all = Map::new();
    let list: Vec<&Value> = words
        .iter()
        .filter_map(|word| word["enum"].as_array())
        .flatten()
        .collect();
    if !list.is_empty() {
        let meanings = words.iter().zip(&list).filter_map(|(word, name)| {
            let (name, meaning) = (name.as_str()?, word["description"].as_str()?);
            Some(format!("`{name}`: {meaning}"))
        });
        all.insert("type".to_owned(), json!("string"));
        all.insert("description".to_owned(), json!(meanings.collect::<Vec<_>>().join(" ")));
        all.insert("enum".to_owned(), json!(list));
        objects.push(Value::Object(all));
    }
    objects.push(json!({
        "type": "object",
        "description": "What a later release has added: a member by another name.",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": tags}},
    }));
    Value::Array(objects)
}
