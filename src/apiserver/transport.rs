//! HTTPS: listening, certificates, credentials, and the kubeconfig that leads here.
//!
//! It knows nothing of what a request means.

pub mod certificate;
pub mod credential;
pub mod kubeconfig;
mod places;
pub mod server;
