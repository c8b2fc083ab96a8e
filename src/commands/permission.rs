//! A refusal for want of a right, with the role that would do for the whole command: one request after the other would
//! be refused otherwise.

use crate::{
    api::name::ANONYMOUS,
    command_id::CommandId,
    failure::{Failure, Hint},
    render::document,
    runtime::access::{cluster_role, cluster_role_binding, needed, row},
};

/// Adds what an administrator may apply, where the API server said whom it denied.
pub fn with_role(command: CommandId, failure: Failure) -> Failure {
    let Some(denial) = failure.denial.clone() else {
        return failure;
    };
    if denial.is_of_nobody() {
        // Where somebody acts as nobody: what such a user may do, everybody may who reaches the API server.
        return failure.hint(format!(
            "no role is proposed for {ANONYMOUS}: everybody who reaches the API server would have it"
        ));
    }
    let row = row(command, |right| {
        denial.is_for(right.verb, right.group, right.resource)
    });
    let rights = needed(row);
    let would_do = rights
        .iter()
        .any(|right| denial.is_for(right.verb, right.group, right.resource));
    if !would_do {
        // A flag asked for more than the command needs otherwise: its role alone would not do.
        return failure.hint(denial.hint());
    }
    let name = row.role_name();
    let manifests = document::manifests(&[
        cluster_role(&name, &rights),
        cluster_role_binding(&name, &denial.user),
    ]);
    failure
        .hint(Hint::run(
            "what else is lacking",
            CommandId::AuthCheck.with(row.words()),
        ))
        .hint(
            Hint::run(
                "the smallest role for this command, for an administrator to apply",
                CommandId::AuthCheck.with(format!("--role {}", row.words())),
            )
            .printing(manifests),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{self, Kind, Reason};

    #[test]
    fn the_role_is_for_the_command_and_the_user_that_was_denied() {
        let with_role = |command, failure| -> Vec<String> {
            let hints = with_role(command, failure).hints;
            hints.iter().map(Hint::to_string).collect()
        };
        let denied = |message: &str| {
            let status = kube::core::Status {
                code: 403,
                message: message.to_owned(),
                ..kube::core::Status::default()
            };
            failure::from_kube(&kube::Error::Api(Box::new(status)), "do it")
        };
        let of_nodes = denied(
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
        let of_disks = denied(
            r#"datavolumes.cdi.kubevirt.io "d" is forbidden: User "eve" cannot patch resource "datavolumes" in API group "cdi.kubevirt.io" in the namespace "ns""#,
        );
        let hints = with_role(CommandId::DisableVmruntime, of_disks);
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
        let nobody = denied(
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
