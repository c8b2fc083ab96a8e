//! A refusal for want of a right, with the role that would do for the whole command: one request after the other would
//! be refused otherwise.

use super::paste;
use crate::{
    cli::GlobalArgs,
    failure::{self, Failure},
    render::document,
    runtime::access::{cluster_role, cluster_role_binding, needed, role_name},
};

/// Adds what an administrator may apply, where the API server said whom it denied.
pub fn with_role(global: &GlobalArgs, command: &str, failure: Failure) -> Failure {
    let Some(grant) = failure::denied_grant(&failure) else {
        return failure;
    };
    let rights = needed(command);
    if rights.is_empty() {
        return failure.hint(grant.hint());
    }
    let name = role_name(command);
    let manifests = document::manifests(&[
        cluster_role(&name, &rights),
        cluster_role_binding(&name, &grant.user),
    ]);
    failure
        .hint(format!(
            "what else is lacking: {}",
            paste::own(global, &format!("auth check {command}"))
        ))
        .hint(format!(
            "the smallest role for this command, for an administrator to apply:\n{manifests}"
        ))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::Cli,
        failure::{Kind, Reason},
    };

    #[test]
    fn the_role_is_for_the_command_and_the_user_that_was_denied() {
        let global = Cli::try_parse_from(["bmctl", "version"]).unwrap().global;
        let denied = Failure::new(Kind::Denied, Reason::Forbidden, "no").caused_by(
            r#"nodes is forbidden: User "eve" cannot list resource "nodes" in API group "" at the cluster scope"#,
        );
        let hints = with_role(&global, "skip node", denied.clone()).hints;
        assert_eq!(hints[0], "what else is lacking: bmctl auth check skip node");
        for line in [
            "kind: ClusterRole\n",
            "- get\n",
            "- patch\n",
            "name: bmctl-skip-node\n",
            "name: eve\n",
        ] {
            assert!(hints[1].contains(line), "{line:?} in {}", hints[1]);
        }
        // A command that is not in the table gets the one request.
        let hints = with_role(&global, "controller", denied).hints;
        assert!(
            hints[0].contains("--verb=list --resource=nodes"),
            "{hints:?}"
        );
        let other =
            Failure::new(Kind::Denied, Reason::Unauthorized, "no").caused_by("Unauthorized");
        assert!(with_role(&global, "skip node", other).hints.is_empty());
    }
}
