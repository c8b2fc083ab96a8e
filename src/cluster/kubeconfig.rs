//! Which kubeconfig, which context. Whatever is wrong is [`Kind::Usage`], names the file and the nearest that exists,
//! and never quotes a file's content: kubeconfigs hold credentials.

mod conflict;
mod document;
mod find;
mod read;
mod shape;

use std::io;

use kube::config::{AuthInfo, Cluster};
use serde_json::Value;

pub(super) use self::find::{Found, find};
use self::read::Kubeconfig;
pub use self::{
    find::{Environment, clusters, implied, kubeconfig_of, kubeconfigs},
    read::Kubeconfigs,
};
use super::{connect::ConnectOptions, file};
use crate::failure::{Failure, Kind, Reason, nearest, shell_word, shown};

/// Finds what the options and the environment lead to.
pub(super) async fn found(
    options: &ConnectOptions,
    environment: &Environment,
) -> Result<Found, Failure> {
    let (place, environment) = (options.clone(), environment.clone());
    // Whether a file is there can take a network folder for ever as well.
    let looked = file::apart(options.deadline, move || Ok(find(&place, &environment)));
    let message = "could not look for a kubeconfig";
    looked.await.map_err(|error| unreadable(message, &error))?
}

/// That the time was over says nothing about the kubeconfig.
pub(super) fn unreadable(message: &str, error: &io::Error) -> Failure {
    let (kind, reason) = match error.kind() {
        io::ErrorKind::TimedOut => (Kind::TimedOut, Reason::TimedOut),
        _ => (Kind::Usage, Reason::BadKubeconfig),
    };
    Failure::new(kind, reason, message).caused_by(error.to_string())
}

/// The names of all contexts, in the order of the kubeconfig. Nothing is sent to a cluster.
pub async fn contexts(options: &ConnectOptions) -> Result<Vec<String>, Failure> {
    match found(options, &Environment::of_process()).await? {
        Found::InCluster(_) => Err(bad("in-cluster", "it has no contexts")),
        Found::Files(paths) => {
            let kubeconfig = options.kubeconfigs.read(&paths, options.deadline).await?;
            Ok(kubeconfig.contexts())
        }
    }
}

/// The chosen context, and what it refers to.
pub(super) struct Chosen {
    pub context: String,
    /// Name of the cluster.
    pub cluster: String,
    pub namespace: Option<String>,
    pub way: Cluster,
    pub user: AuthInfo,
}

/// Finds the context, and what it refers to.
pub(super) fn choose(
    kubeconfig: &Kubeconfig,
    wanted: Option<&str>,
    source: &str,
) -> Result<Chosen, Failure> {
    let names = kubeconfig.contexts();
    if names.is_empty() {
        return Err(bad(source, "it has no contexts"));
    }
    let Some(name) = wanted.or(kubeconfig.current()) else {
        return Err(suggest(
            bad(source, "it has no current context"),
            "--context",
            "",
            &names,
        ));
    };
    let Some(context) = kubeconfig.context(name) else {
        let failure = Failure::new(
            Kind::Usage,
            Reason::ContextNotFound,
            format!(
                "there is no context {:?} in kubeconfig {source}",
                shown(name)
            ),
        );
        return Err(suggest(failure, "--context", name, &names));
    };
    of_context(kubeconfig, name, context).map_err(|why| bad(source, why))
}

fn of_context(kubeconfig: &Kubeconfig, name: &str, context: &Value) -> Result<Chosen, String> {
    let here = format!("context {:?}", shown(name));
    let mut fields = shape::CONTEXT.known(context, &here)?;
    let mut text = |field: &str| match fields[field].take() {
        Value::String(text) => Some(text),
        _ => None,
    };
    let (cluster, user, namespace) = (text("cluster"), text("user"), text("namespace"));
    let cluster = cluster.ok_or_else(|| format!("{here} names no cluster"))?;
    let lost = |what: &str, name: &str, it: &str| {
        format!(
            "{here} refers to {what} {:?}, {it} is not there",
            shown(name)
        )
    };
    let way = kubeconfig.cluster(&cluster);
    let way = way.ok_or_else(|| lost("cluster", &cluster, "which"))??;
    let user = match user {
        None => AuthInfo::default(),
        Some(user) => kubeconfig
            .user(&user)
            .ok_or_else(|| lost("user", &user, "who"))??,
    };
    conflict::between(&way, &user)?;
    Ok(Chosen {
        context: name.to_owned(),
        cluster,
        namespace,
        way,
        user,
    })
}

pub(super) fn bad(source: &str, why: impl Into<String>) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::BadKubeconfig,
        format!("could not use kubeconfig {source}"),
    )
    .caused_by(why)
}

/// At most this many names are listed.
const LISTED: usize = 20;

/// Adds the nearest name and the list of all.
fn suggest(mut failure: Failure, flag: &str, wanted: &str, known: &[String]) -> Failure {
    if let Some(near) = nearest(wanted, known) {
        failure = failure.hint(format!("did you mean {flag} {}?", shell_word(near)));
    }
    match known {
        [] => failure,
        known => {
            let list = known[..known.len().min(LISTED)].join(", ");
            let more = match known.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            failure.hint(format!("{flag} takes one of: {list}{more}"))
        }
    }
}

#[cfg(test)]
mod tests;
