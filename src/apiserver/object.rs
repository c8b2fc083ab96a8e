//! What every object is made of, whatever its kind: metadata, names, labels, quantities, paths, and the words for what is
//! wrong with a field (k8s.io/apimachinery).
//!
//! The lowest folder: it names no other, and knows neither kinds nor requests.

pub mod field_error;
pub mod go_format;
pub mod json;
pub mod metadata;
pub mod name;
pub mod quantity;
pub mod selector;
pub mod wire;
