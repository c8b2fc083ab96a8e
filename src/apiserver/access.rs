//! Who asks, and what they may do: tokens, impersonation, RBAC and admission policies.
//!
//! It is given the roles, bindings and policies that are in force; it stores nothing.

pub mod account_token;
pub mod admission;
pub mod auth;
pub mod authorization;
pub mod identity;
pub mod impersonation;
