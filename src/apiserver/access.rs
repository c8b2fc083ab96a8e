//! Who asks, and what they may do: tokens, impersonation, RBAC, admission policies and quotas.
//!
//! It is given the roles, bindings, policies and quotas that are in force; it stores nothing.

pub mod account_token;
pub mod admission;
pub mod auth;
pub mod authorization;
pub mod identity;
pub mod impersonation;
pub mod quota;
