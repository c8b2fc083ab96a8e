//! What a request says: its path, its query, its body, and which objects it is about.
//!
//! It reads, and looks nothing up that is stored.

pub mod body;
pub mod protobuf;
pub mod query;
pub mod route;
pub mod selection;
