//! Which kubeconfig, which context. Whatever is wrong is [`Kind::Usage`], names the file and the nearest that exists,
//! and never quotes a file's content: kubeconfigs hold credentials.

mod find;
mod read;

use kube::config::{AuthInfo, Cluster, Kubeconfig};

pub(super) use self::find::{Found, find};
pub use self::{
    find::{Environment, clusters, implied, kubeconfig_of},
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
    looked.await.map_err(|error| {
        let message = "could not look for a kubeconfig";
        Failure::new(Kind::Usage, Reason::BadKubeconfig, message).caused_by(error.to_string())
    })?
}

/// The names of all contexts, in the order of the kubeconfig. Nothing is sent to a cluster.
pub async fn contexts(options: &ConnectOptions) -> Result<Vec<String>, Failure> {
    match found(options, &Environment::of_process()).await? {
        Found::InCluster(_) => Err(bad("in-cluster", "it has no contexts")),
        Found::Files(paths) => {
            let kubeconfig = options.kubeconfigs.read(&paths, options.deadline).await?;
            let names = kubeconfig.contexts.into_iter().map(|named| named.name);
            Ok(names.collect())
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
    let names: Vec<String> = kubeconfig
        .contexts
        .iter()
        .map(|named| named.name.clone())
        .collect();
    if names.is_empty() {
        return Err(bad(source, "it has no contexts"));
    }
    let Some(name) = wanted.or(kubeconfig.current_context.as_deref()) else {
        return Err(suggest(
            bad(source, "it has no current context"),
            "--context",
            "",
            &names,
        ));
    };
    let context = kubeconfig
        .contexts
        .iter()
        .find(|named| named.name == name)
        .and_then(|named| named.context.as_ref());
    let Some(context) = context else {
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
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|named| named.name == context.cluster);
    let Some(cluster) = cluster else {
        let cluster = &context.cluster;
        let why = format!("context {name:?} refers to cluster {cluster:?}, which is not there");
        return Err(bad(source, why));
    };
    let user_name = context.user.as_deref().unwrap_or_default();
    let user = kubeconfig
        .auth_infos
        .iter()
        .find(|named| named.name == user_name);
    if user.is_none() && !user_name.is_empty() {
        let why = format!("context {name:?} refers to user {user_name:?}, who is not there");
        return Err(bad(source, why));
    }
    Ok(Chosen {
        context: name.to_owned(),
        cluster: context.cluster.clone(),
        namespace: context.namespace.clone(),
        way: cluster.cluster.clone().unwrap_or_default(),
        user: user
            .and_then(|named| named.auth_info.clone())
            .unwrap_or_default(),
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
