//! A refusal for want of a right, with the role that would do for the whole command: one request after the other would
//! be refused otherwise.

use crate::{
    api::name::ANONYMOUS,
    command_id::CommandId,
    failure::{self, Failure, Hint, Reason},
    render::document,
    runtime::access::{cluster_role, cluster_role_binding, needed, role_name, row},
};

/// Adds what an administrator may apply, where the API server said whom it denied.
pub fn with_role(command: CommandId, failure: Failure) -> Failure {
    let Some(grant) = failure::denied_grant(&failure) else {
        return without_role(failure);
    };
    let row = row(command.words(), |right| {
        grant.is_for(right.verb, right.group, right.resource)
    });
    let rights = needed(row);
    let would_do = rights
        .iter()
        .any(|right| grant.is_for(right.verb, right.group, right.resource));
    if !would_do {
        // A flag asked for more than the command needs otherwise: its role alone would not do.
        return failure.hint(grant.hint());
    }
    let name = role_name(row);
    let manifests = document::manifests(&[
        cluster_role(&name, &rights),
        cluster_role_binding(&name, &grant.user),
    ]);
    failure
        .hint(Hint::run(
            "what else is lacking",
            CommandId::AuthCheck.with(row),
        ))
        .hint(
            Hint::run(
                "the smallest role for this command, for an administrator to apply",
                CommandId::AuthCheck.with(format!("--role {row}")),
            )
            .printing(manifests),
        )
}

/// Where somebody acts as nobody: what such a user may do, everybody may who reaches the API server.
fn without_role(failure: Failure) -> Failure {
    if failure.reason == Reason::Forbidden && failure::denies_nobody(&failure) {
        return failure.hint(format!(
            "no role is proposed for {ANONYMOUS}: everybody who reaches the API server would have it"
        ));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn the_role_is_for_the_command_and_the_user_that_was_denied() {
        let with_role = |command, failure| -> Vec<String> {
            let hints = with_role(command, failure).hints;
            hints.iter().map(Hint::to_string).collect()
        };
        let of_nodes = Failure::new(Kind::Denied, Reason::Forbidden, "no").caused_by(
            r#"nodes is forbidden: User "eve" cannot list resource "nodes" in API group "" at the cluster scope"#,
        );
        let hints = with_role(CommandId::SkipNode, of_nodes.clone());
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
        let denied = Failure::new(Kind::Denied, Reason::Forbidden, "no").caused_by(
            r#"datavolumes.cdi.kubevirt.io "d" is forbidden: User "eve" cannot patch resource "datavolumes" in API group "cdi.kubevirt.io" in the namespace "ns""#,
        );
        let hints = with_role(CommandId::DisableVmruntime, denied);
        assert_eq!(
            hints[0],
            "what else is lacking: bmctl auth check disable vmruntime --keep-disks"
        );
        assert!(hints[1].contains("name: bmctl-disable-vmruntime-keep-disks\n"));
        // A command that is not in the table gets the one request.
        let hints = with_role(CommandId::ControllerRun, of_nodes);
        assert!(
            hints[0].contains("--verb=list --resource=nodes"),
            "{hints:?}"
        );
        let nobody = Failure::new(Kind::Denied, Reason::Forbidden, "no").caused_by(
            r#"nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope"#,
        );
        let hints = with_role(CommandId::SkipNode, nobody);
        assert_eq!(hints.len(), 1, "{hints:?}");
        assert!(hints[0].starts_with("no role is proposed"), "{hints:?}");
        let other =
            Failure::new(Kind::Denied, Reason::Unauthorized, "no").caused_by("Unauthorized");
        assert!(with_role(CommandId::SkipNode, other).is_empty());
    }
}
