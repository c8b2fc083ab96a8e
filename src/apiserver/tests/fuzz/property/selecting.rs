//! Selectors, as queries and objects have them.

use apiserver::LabelSelector;
use serde_json::{Value, json};

/// A selector is refused, or decides of every object, the same way each time; what an equality selects has the label.
pub fn selector(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(selector) = LabelSelector::parse(text) {
        for labels in [json!({}), json!({"a": "b"}), json!({"a": "1", "c": "d"})] {
            let object = json!({"metadata": {"labels": labels}});
            assert_eq!(selector.matches(&object), selector.matches(&object.clone()));
        }
    }
    if let Ok(object) = serde_json::from_str::<Value>(text)
        && let Ok(selector) = LabelSelector::from_object(&object)
    {
        let labels = object["matchLabels"].clone();
        let only_labels = object["matchExpressions"]
            .as_array()
            .is_none_or(Vec::is_empty);
        let strings = labels
            .as_object()
            .is_some_and(|labels| labels.values().all(Value::is_string));
        if only_labels && strings {
            assert!(selector.matches(&json!({"metadata": {"labels": labels}})));
        }
    }
}
