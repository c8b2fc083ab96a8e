//! `bmctl` turns the VM Runtime of a Kubernetes cluster on and off and checks that its nodes can run virtual machines.
//!
//! # The way of a command through the house
//!
//! ```text
//! main ── run ── cli (what was typed) ── commands (one file each)
//!                                          │
//!            ┌──────────┬─────────┬────────┼─────────┬────────────┬──────────┐
//!          ui         render    cluster  runtime   probe     controller   sandbox
//!       (terminal)   (words)   (the API) (rules)  (a node)   (reconciles) (a cluster
//!                                 └─────────┴────────┴────────────┘        in here)
//!                                          api (the resources, as data)
//! ```
//!
//! # What always holds
//!
//! 1. Never a false green: unknown is not a pass, "deleted" means gone, and nothing is said before it is so.
//! 2. Decisions are pure functions over plain data (`runtime`, `controller::plan`, `probe::judge`); I/O is at the rim.
//! 3. Only `ui` touches the terminal, only `cluster` makes a client, only `main` exits.
//! 4. A cluster's objects are patched, never written back from a typed copy.
//! 5. Text from a cluster, a file or the environment is untrusted until `ui` or `render` has cleaned it.
//!
//! `docs/architecture.md` tells the same at length; `tests/it/architecture.rs` holds the arrows.

pub mod api;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod controller;
pub mod exit;
pub mod failure;
pub mod probe;
pub mod render;
pub mod runtime;
pub mod sandbox;
pub mod ui;

pub use commands::run;
