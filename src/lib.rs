//! `bmctl` turns the VM Runtime of a Kubernetes cluster on and off and checks that its nodes can run virtual machines.
//!
//! # The way of a command through the modules
//!
//! ```text
//! main ── run ── cli (what was typed) ── commands (one file each)
//!                                          │
//!            ┌──────────┬─────────┬────────┼─────────┬────────────┬──────────┐
//!          ui         render    cluster  runtime   probe     controller   simulator
//!       (terminal)   (words)   (the API) (rules)  (a node)   (reconciles) (machinery)
//!                                 └─────────┴────────┴────────────┴───────────┘
//!                                          api (the resources, as data)
//! ```
//!
//! Take `bmctl enable vmruntime`. [`commands`] turns words into arguments and picks the one file that knows what
//! to do with them, and from there the way is always the same: *read* (a function of [`cluster`]), *decide* (a pure
//! function, of the command itself or of [`runtime`]), *change* (a patch of what was asked and nothing else), *wait*
//! (the one engine in `cluster::wait`), *report*. A report is plain data; [`render`] makes text of it for people and
//! one document for programs, and [`ui`] puts them on the right stream. What goes wrong on the way is a
//! [`failure::Failure`], whose kind alone decides the [`exit::Exit`] code, whatever the output format.
//!
//! On the other side of the API server the [`controller`] observes, plans and applies, and asks every node with the
//! [`probe`]. Where there is no cluster, `commands::sandbox` makes one in this process: the [`apiserver`], a crate of its
//! own, and the [`simulator`] of the machinery, around the same controller and the same probe.
//!
//! # What always holds
//!
//! 1. Never a false green: unknown is not a pass, "deleted" means gone, and nothing is said before it is so.
//! 2. Decisions are pure functions over plain data (`runtime`, `controller::plan`, `probe::judge`); I/O is at the rim.
//! 3. Only `ui` touches the terminal, only `cluster` makes a client of a user's cluster, only `main` exits, and the
//!    panic hook.
//! 4. A cluster's objects are patched, never written back from a typed copy.
//! 5. Text from a cluster, a file or the environment is untrusted until `render` has cleaned it.
//!
//! `docs/architecture.md` tells the same at length; `tests/it/architecture.rs` holds the arrows.
//!
//! The modules in reading order: what is talked about, what may come of it, the way of a command, the two other
//! programs that live here.

pub mod api;
pub mod command_id;
pub mod exit;
pub mod explain;
pub mod failure;

pub mod cli;
pub mod commands;

pub mod operation;

pub mod cluster;
pub mod render;
pub mod runtime;
pub mod ui;

pub mod controller;
pub mod probe;
#[cfg(feature = "sandbox")]
pub mod simulator;

pub use commands::run;
