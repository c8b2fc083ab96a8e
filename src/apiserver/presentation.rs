//! How answers look: objects, lists, tables, discovery and OpenAPI documents, and the bytes that they become.
//!
//! It shows what it is given, and decides nothing.

pub mod age;
pub mod answer;
pub mod discovery;
pub mod openapi;
pub mod protobuf;
pub mod table;
