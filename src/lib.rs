//! `bmctl` turns the VM Runtime of a Kubernetes cluster on and off and checks that its nodes can run virtual machines.
//!
//! # The way of a command through the modules
//!
//! ```text
//! main ── run ── commands (the command line, one file each) ── operation (what a command does to a cluster)
//!                   │                                             │
//!            ┌──────┴───┬────────────┬──────────┐           ┌─────┴────┐
//!           ui        render    controller   simulator   cluster    runtime    probe
//!       (terminal)   (words)   (reconciles) (machinery) (the API)   (rules)  (a node)
//!                                    └──────────┴───────────┴──────────┴─────────┘
//!                                              api (the resources, as data)
//! ```
//!
//! Take `bmctl enable vmruntime`. `commands` turns words into arguments and calls one function of `operation`, and from
//! there the way is always the same: *read* (a function of `cluster`), *decide* (a pure function, of the operation or of
//! [`runtime`]), *change* (a patch of what was asked and nothing else), *wait* (the one engine in `cluster::wait`),
//! *report*. A report is plain data; `render` makes text of it for people and
//! one document for programs, and `ui` puts them on the right stream. What goes wrong on the way is a
//! `failure::Failure`, whose kind alone decides the `exit::Exit` code, whatever the output format.
//!
//! On the other side of the API server the `controller` observes, plans and applies, and asks every node with the
//! [`probe`]. Where there is no cluster, `commands::sandbox` makes one in this process: the [`apiserver`], a crate of its
//! own, and the `simulator` of the machinery, around the same controller and the same probe.
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
//! # What is an interface
//!
//! Three modules are for other programs, and follow semantic versioning: [`api`], the resources as types; [`probe`], the
//! check of a node; [`runtime`], the rules by which VM Runtime decides. They take plain data and return plain data. The
//! [`apiserver`] is a crate of its own. Everything else is public for the binary and the tests alone, is not documented
//! here, and changes without notice: programs call `bmctl`, whose output and exit codes are an interface.
//!
//! The modules in reading order: what is talked about, what may come of it, the way of a command, the two other
//! programs that live here.

pub mod api;
#[doc(hidden)]
pub mod command_id;
#[doc(hidden)]
pub mod exit;
#[doc(hidden)]
pub mod explain;
#[doc(hidden)]
pub mod failure;

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod commands;

#[doc(hidden)]
pub mod operation;

#[doc(hidden)]
pub mod cluster;
#[doc(hidden)]
pub mod render;
pub mod runtime;
#[doc(hidden)]
pub mod ui;

#[doc(hidden)]
pub mod controller;
pub mod probe;
#[cfg(feature = "sandbox")]
#[doc(hidden)]
pub mod simulator;

#[doc(hidden)]
pub use commands::run;
