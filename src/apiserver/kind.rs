//! What is served and what it looks like: the built-in kinds and those of CustomResourceDefinitions, their fields, defaults
//! and rules.
//!
//! Pure data and pure functions; who asks and what is stored is not known here.

pub mod builtin;
pub mod defaults;
pub mod definition;
pub mod field_selector;
pub mod model;
pub mod registration;
pub mod registry;
pub mod resource;
pub mod validation;
pub mod view;
