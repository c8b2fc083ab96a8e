//! Kubernetes' own dialect of JSONPath, as k8s.io/client-go `util/jsonpath` reads it.
//!
//! A [`JsonPath`] is one path, as printer columns and selectable fields have it; a [`Template`] is text with paths and
//! ranges in braces, as `kubectl -o jsonpath=…` takes it.
//!
//! ```
//! use k8s_jsonpath::Template;
//! let template: Template = r#"{range .items[*]}{.name}{"\n"}{end}"#.parse()?;
//! assert_eq!(template.render(&serde_json::json!({"items": [{"name": "a"}, {"name": "b"}]}))?, "a\nb\n");
//! # Ok::<(), String>(())
//! ```

mod path;
mod template;

pub use path::{Budget, JsonPath};
pub use template::Template;
