//! The cluster: connecting to it, asking it, changing it, waiting for it. The only module that makes a client of a user's cluster.
//!
//! `commands` and `controller` call it. It decides nothing that `runtime` can decide, and it prints nothing: what a
//! person should see on the way goes to an [`Observer`], what went wrong comes back as a [`Failure`].
//!
//! ```text
//! kubeconfig ─ connect ─┬─ answer      every answer is held against what was asked
//!                       ├─ list        every list, page by page; discovery: does the cluster serve a kind?
//!                       ├─ vmruntime   read and patch the one object
//!                       ├─ inventory   what VMs exist
//!                       ├─ backup      save their manifests in a folder
//!                       ├─ removal     delete them, in order, until they are gone
//!                       ├─ restoration put a backup back
//!                       ├─ stuck       why an object that is being deleted is still there
//!                       └─ wait        until a target holds
//!              retry, event and watch are used by all of them
//! ```
//!
//! [`Failure`]: crate::failure::Failure

pub mod access;
mod answer;
pub mod backup;
pub mod bundle;
pub mod changes;
mod clock;
pub mod connect;
pub mod controller_deployment;
mod deadline;
pub mod discovery;
pub mod event;
pub mod file;
pub mod inventory;
mod kubeconfig;
pub mod list;
mod mode;
pub mod node;
pub mod placement;
pub mod preflight_check;
pub mod removal;
pub mod restoration;
pub mod retry;
#[cfg(test)]
pub(crate) mod script;
pub mod segment;
pub mod stuck;
pub mod subject;
pub mod vmruntime;
pub mod wait;
mod watch;

pub use answer::checked;
pub use clock::Clock;
pub use connect::{Cluster, ConnectOptions, connect, connect_from};
pub use deadline::Deadline;
pub use event::{Event, Observer, Silent};
pub use kubeconfig::{
    Environment, Kubeconfigs, clusters, contexts, implied, kubeconfig_of, kubeconfigs,
};
pub use mode::Mode;
pub use retry::Retry;
