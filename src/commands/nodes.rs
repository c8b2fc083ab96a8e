//! Which nodes are meant: by name, or by their labels.

use crate::{
    cli::NodeArgs,
    cluster::{Retry, node},
    failure::{Failure, Hint, Kind, Reason, kubectl, nearest, shell_word, shown},
    render::clean,
};

/// The nodes that these flags, and these names beside them, select, each once; `None` where nothing selects any.
///
/// # Errors
/// A name that the cluster does not have, so that a typing error in one leaves the others alone; labels that no node has.
pub async fn selected(
    client: &kube::Client,
    retry: &Retry<'_>,
    args: &NodeArgs,
    named: &[String],
) -> Result<Option<Vec<String>>, Failure> {
    if let Some(selector) = &args.selector {
        let nodes = node::labelled(client, retry, selector).await?;
        if nodes.is_empty() {
            return Err(none(selector));
        }
        return Ok(Some(nodes));
    }
    let mut wanted: Vec<String> = Vec::new();
    for name in named.iter().chain(&args.node) {
        if !wanted.contains(name) {
            wanted.push(name.clone());
        }
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    let known = node::names(client, retry).await?;
    match wanted.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(unknown(name, &known)),
        None => Ok(Some(wanted)),
    }
}

fn none(selector: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        Reason::UnknownNode,
        format!(
            "no node has the labels {}; nothing was changed",
            clean(&shown(selector))
        ),
    )
    .hint(Hint::run(
        "which labels there are",
        kubectl("get nodes --show-labels"),
    ))
}

fn unknown(name: &str, known: &[String]) -> Failure {
    let failure = Failure::new(
        Kind::Usage,
        Reason::UnknownNode,
        format!(
            "the cluster has no node {}; nothing was changed",
            clean(&shown(name))
        ),
    );
    match nearest(name, known) {
        Some(near) => failure.hint(format!("did you mean {}?", shell_word(near))),
        None => failure.hint(Hint::run("which nodes there are", kubectl("get nodes"))),
    }
}
