//! Reports become words: one file a report. Nothing here acts, reads the clock or knows the terminal.
//!
//! `commands` fills a report, which is plain data, and asks for its text or its document. Text is written on a
//! [`Page`], which cleans everything that comes from outside; colour is marked up while writing ([`Tone`]) and painted
//! at the very end ([`paint`]), so that a report reads the same in every output. Only [`table`] uses comfy-table, only
//! [`document`] writes JSON and YAML, only [`junit`] XML, only [`html`] HTML, only [`markdown`] Markdown. What happens on the way is an [`event`].

pub mod age;
pub mod auth;
pub mod check;
pub mod clean;
pub mod controller;
pub mod disable;
pub mod document;
pub mod enable;
pub mod event;
pub mod explain;
pub mod failure;
pub mod history;
pub mod host;
pub mod html;
pub mod junit;
pub mod machine;
pub mod man;
pub mod manifests;
pub mod markdown;
mod markup;
pub mod multi_cluster;
pub mod name;
pub mod page;
pub mod preflight;
pub mod restore;
pub mod sandbox;
pub mod schema;
pub mod skip;
pub mod snapshot;
pub mod status;
pub mod stuck;
pub mod style;
pub mod table;
pub mod uninstall;
pub mod update;
pub mod verbatim;
pub mod version;
pub mod wait;

pub use crate::api::text::cut;
pub use clean::{clean, clean_lines};
pub use document::{AnyReport, ClusterReference, Document, Report};
pub use page::Page;
pub use style::{Style, Tone, paint};
