//! Whether what is seen fits the descriptions that the gateway gives of itself, OpenAPI and AsyncAPI.

use serde_json::{Value, json};

/// Where an OpenAPI document describes the answer with this status; `method` in small letters.
pub fn answer(method: &str, path: &str, status: u16) -> String {
    in_path(method, path, &format!("responses/{status}"))
}

/// Where it describes the body of a request.
pub fn request(method: &str, path: &str) -> String {
    in_path(method, path, "requestBody")
}

fn in_path(method: &str, path: &str, part: &str) -> String {
    let path = path.replace('~', "~0").replace('/', "~1");
    format!("/paths/{path}/{method}/{part}/content/application~1json/schema")
}

/// Panics unless a document has a schema at this pointer, and the value fits it.
#[track_caller]
pub fn fits(document: &Value, pointer: &str, value: &Value) {
    assert!(
        document.pointer(pointer).is_some(),
        "{pointer} is not described"
    );
    // In a pointer within a reference, braces are percent-encoded.
    let reference = format!("#{pointer}")
        .replace('{', "%7B")
        .replace('}', "%7D");
    let schema = json!({"$ref": reference, "components": document["components"], "paths": document["paths"]});
    let schema =
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}"));
    let errors: Vec<String> = schema
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{pointer}: {value}: {errors:?}");
}
