//! The sandbox: a small Kubernetes API server in this process, with pretend machinery behind it.
//!
//! For newcomers without a cluster, for scripts under test, and for our own tests. It speaks real HTTPS to real
//! clients, and it knows nothing of the controller or the commands: what it stores are plain JSON objects.
//! What is faithful and what is not stands in `docs/sandbox.md`.

pub mod age;
pub mod cel;
pub mod discovery;
pub mod jsonpath;
pub mod refusal;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod table;
pub mod wording;
pub mod world;
