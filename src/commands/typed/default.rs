//! Defaults of flags from variables. A flag goes before a variable; where a flag says which cluster, no variable says
//! anything about it. There is none for what consents to a deletion or reaches several clusters.

use std::ffi::OsString;

use clap::{
    builder::Resettable,
    error::{ContextKind, ContextValue},
};

use super::line::Line;
use crate::failure::{Failure, Kind, Reason, shown};

/// A variable that is the default of a flag.
#[derive(Clone, Copy, Debug)]
pub struct Default {
    pub variable: &'static str,
    pub flag: &'static str,
    short: Option<char>,
    /// Flags beside its own that make it count for nothing.
    pub unless: &'static [&'static str],
    /// It says which cluster: what is run inside another cluster must not see it.
    pub names_cluster: bool,
}

const fn simple(variable: &'static str, flag: &'static str) -> Default {
    Default {
        variable,
        flag,
        short: None,
        unless: &[],
        names_cluster: false,
    }
}

#[cfg(test)]
impl Default {
    pub(super) const fn short(&self) -> Option<char> {
        self.short
    }
}

/// All of them.
pub const DEFAULTS: &[Default] = &[
    Default {
        unless: &["cluster"],
        names_cluster: true,
        ..simple("BMCTL_KUBECONFIG", "kubeconfig")
    },
    Default {
        unless: &["kubeconfig", "cluster", "contexts", "all-contexts"],
        names_cluster: true,
        ..simple("BMCTL_CONTEXT", "context")
    },
    Default {
        short: Some('c'),
        unless: &["kubeconfig", "contexts", "all-contexts"],
        names_cluster: true,
        ..simple("BMCTL_CLUSTER", "cluster")
    },
    simple("BMCTL_REQUEST_TIMEOUT", "request-timeout"),
    simple("BMCTL_TIMEOUT", "timeout"),
    Default {
        short: Some('o'),
        ..simple("BMCTL_OUTPUT", "output")
    },
    simple("BMCTL_COLOR", "color"),
    simple("BMCTL_PROGRESS", "progress"),
    simple("BMCTL_CI", "ci"),
    simple("BMCTL_LOG_DIR", "log-dir"),
];

/// Adds the flags whose variables are set, and says which of them has a value that its flag does not take.
pub(super) fn add(
    line: &mut Line<'_>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<(), Failure> {
    if line.words.is_empty() || line.bare_word(0) == Some("help") || line.has("help", Some('h')) {
        return Ok(());
    }
    let mut added = Vec::new();
    let mut wrong = Ok(());
    for default in DEFAULTS {
        let Some(value) = variable(default.variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let given = line.has(default.flag, default.short)
            || default
                .unless
                .iter()
                .any(|flag| line.has(flag, short_of(flag)));
        let name = format!("--{}", default.flag);
        let argument = line.argument(line.command(), &name);
        let Some(argument) = argument.filter(|_| !given) else {
            continue;
        };
        let mut flag = OsString::from(name + "=");
        flag.push(&value);
        match refused(argument, &flag) {
            None => added.push((argument.is_global_set(), flag)),
            Some(why) if wrong.is_ok() => {
                let value = value.to_string_lossy();
                let message = format!("{} is {}", default.variable, shown(&value));
                wrong =
                    Err(Failure::new(Kind::Usage, Reason::InvalidUsage, message).caused_by(why));
            }
            Some(_) => {}
        }
    }
    for (global, flag) in added {
        let at = if global { 0 } else { line.words.len() };
        line.words.insert(at, flag);
    }
    wrong
}

/// The letter of a flag that is among `unless`.
fn short_of(flag: &str) -> Option<char> {
    DEFAULTS
        .iter()
        .find(|default| default.flag == flag)
        .and_then(|default| default.short)
}

/// Why the flag does not take this.
fn refused(argument: &clap::Arg, flag: &OsString) -> Option<String> {
    // Alone, it has nothing to be in conflict with.
    let alone = argument.clone().conflicts_with(Resettable::Reset);
    let command = clap::Command::new("default")
        .no_binary_name(true)
        .arg(alone);
    let error = command.try_get_matches_from([flag]).err()?;
    let expected = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) if !known.is_empty() => {
            Some(format!("expected one of {}", known.join(", ")))
        }
        _ => None,
    };
    let source = std::error::Error::source(&error).map(ToString::to_string);
    Some(
        expected
            .or(source)
            .unwrap_or_else(|| error.kind().to_string()),
    )
}
