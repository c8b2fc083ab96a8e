//! What a user must be permitted to do for a command, as one table: `auth check` asks for it ahead of time, and a
//! command that was forbidden something prints the role that would do.
//!
//! It is the least with which the command succeeds without reservation. What a command reads only to say more (events,
//! for example) is not in it. An end-to-end test runs every command with exactly this, and with one rule less.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    api::{
        WorkloadRole, comeback,
        dependent::{DEPENDENT_KINDS, DependentRole},
        name::{CONTROLLER_DEPLOYMENT, GROUP, SYSTEM_NAMESPACE, VMRUNTIME, qualified},
        workload::removal_order,
    },
    command_id::CommandId,
};

/// One thing that must be permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub group: &'static str,
    pub resource: &'static str,
    /// Only this object.
    pub name: Option<&'static str>,
    /// Only in this namespace; none for what has none, and for all namespaces.
    pub namespace: Option<&'static str>,
    pub verb: &'static str,
}

impl Right {
    /// `plural.group`, as kubectl takes it.
    #[must_use]
    pub fn qualified(&self) -> String {
        qualified(self.resource, self.group)
    }
}

/// A row of the table: a command, or the one with a flag that makes it need more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    Command(CommandId),
    /// `disable vmruntime --keep-disks`.
    KeepingDisks,
}

impl Row {
    /// The rows in the order in which people read them.
    pub const ALL: [Self; 12] = [
        Self::Command(CommandId::EnableVmruntime),
        Self::Command(CommandId::DisableVmruntime),
        Self::KeepingDisks,
        Self::Command(CommandId::UpdateVmruntime),
        Self::Command(CommandId::StatusVmruntime),
        Self::Command(CommandId::WaitVmruntime),
        Self::Command(CommandId::CheckVmruntimepfc),
        Self::Command(CommandId::GetVmruntimepfc),
        Self::Command(CommandId::SkipNode),
        Self::Command(CommandId::UnskipNode),
        Self::Command(CommandId::SnapshotVmruntime),
        Self::Command(CommandId::Restore),
    ];

    #[must_use]
    pub const fn command(self) -> CommandId {
        match self {
            Self::Command(command) => command,
            Self::KeepingDisks => CommandId::DisableVmruntime,
        }
    }

    /// As it is typed.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Command(command) => command.words(),
            Self::KeepingDisks => "disable vmruntime --keep-disks",
        }
    }

    /// Name of the role for it.
    #[must_use]
    pub fn role_name(self) -> String {
        format!(
            "bmctl-{}",
            self.words().replace(" --", "-").replace(' ', "-")
        )
    }
}

const ADMISSION: &str = "admissionregistration.k8s.io";

/// What it needs; nothing where there is no such row in [`Row::ALL`].
#[must_use]
pub fn needed(row: Row) -> Vec<Right> {
    let mut rights = match row {
        Row::Command(command) => needed_by(command),
        Row::KeepingDisks => [
            needed_by(CommandId::DisableVmruntime),
            of_role(WorkloadRole::Disk, &["patch"]),
            of_dependents(&["patch"], |role| !role.holds_data()),
        ]
        .concat(),
    };
    rights.sort();
    rights
}

fn needed_by(command: CommandId) -> Vec<Right> {
    match command {
        CommandId::EnableVmruntime | CommandId::UpdateVmruntime => [
            runtime(&["get", "list", "watch", "patch"]),
            checks(&["list", "watch"]),
        ]
        .concat(),
        CommandId::DisableVmruntime => [
            runtime(&["get", "list", "watch", "patch"]),
            of_role(
                WorkloadRole::Machine,
                &["get", "list", "watch", "delete", "patch"],
            ),
            of_role(WorkloadRole::Disk, &["get", "list", "watch", "delete"]),
            of_role(WorkloadRole::Migration, &["get", "list", "watch", "delete"]),
            of_role(WorkloadRole::Launcher, &["list", "watch", "delete"]),
            dependents(&["get", "list"]),
            of_dependents(&["patch"], DependentRole::holds_data),
            engine(&["get", "list"]),
            pods(),
        ]
        .concat(),
        CommandId::StatusVmruntime => [
            runtime(&["get"]),
            checks(&["list"]),
            workloads(&["list"]),
            vec![Right {
                group: "apps",
                resource: "deployments",
                name: Some(CONTROLLER_DEPLOYMENT),
                namespace: Some(SYSTEM_NAMESPACE),
                verb: "get",
            }],
        ]
        .concat(),
        CommandId::WaitVmruntime => [
            runtime(&["get", "list", "watch"]),
            checks(&["list", "watch"]),
            pods(),
        ]
        .concat(),
        CommandId::CheckVmruntimepfc => checks(&["create", "list", "watch"]),
        CommandId::GetVmruntimepfc => checks(&["list"]),
        CommandId::SkipNode | CommandId::UnskipNode => {
            everywhere(&["list", "get", "patch"], "", "nodes")
        }
        CommandId::SnapshotVmruntime => [
            runtime(&["get"]),
            checks(&["list"]),
            workloads(&["list"]),
            everywhere(&["list"], "", "events"),
            everywhere(&["list"], "apps", "deployments"),
            everywhere(&["list"], "apps", "daemonsets"),
            everywhere(&["list"], "", "nodes"),
            everywhere(&["list"], "kubevirt.io", "kubevirts"),
            everywhere(&["list"], "cdi.kubevirt.io", "cdis"),
            everywhere(&["list"], ADMISSION, "validatingadmissionpolicies"),
            everywhere(&["list"], ADMISSION, "validatingadmissionpolicybindings"),
            vec![Right {
                group: "apiextensions.k8s.io",
                resource: "customresourcedefinitions",
                name: Some("vmruntimes.vm.cluster.gke.io"),
                namespace: None,
                verb: "get",
            }],
        ]
        .concat(),
        CommandId::Restore => [
            runtime(&["get"]),
            everywhere(&["get"], "", "namespaces"),
            everywhere(&["get"], "storage.k8s.io", "storageclasses"),
            dependents(&["create", "get"]),
            engine(&["create", "get", "patch"]),
            of_role(WorkloadRole::Disk, &["create", "get"]),
            of_role(WorkloadRole::Machine, &["create", "get"]),
        ]
        .concat(),
        CommandId::CheckHost
        | CommandId::AuthCheck
        | CommandId::Explain
        | CommandId::SandboxStart
        | CommandId::SandboxRun
        | CommandId::ControllerRun
        | CommandId::ControllerManifests
        | CommandId::ControllerUninstall
        | CommandId::ControllerProbe
        | CommandId::Completion
        | CommandId::Man
        | CommandId::Version
        | CommandId::Help => Vec::new(),
    }
}

/// The row of the table that a denial to this command belongs to: its own, or the one with a flag, if only that one
/// needs what was denied.
#[must_use]
pub fn row(command: CommandId, denied: impl Fn(&Right) -> bool) -> Row {
    let own = Row::Command(command);
    let needs = |row: Row| needed(row).iter().any(&denied);
    let mut rows = Row::ALL.into_iter().filter(|row| row.command() == command);
    rows.find(|row| needs(*row)).unwrap_or(own)
}

fn of(verbs: &[&'static str], right: Right) -> Vec<Right> {
    verbs.iter().map(|verb| Right { verb, ..right }).collect()
}

fn runtime(verbs: &[&'static str]) -> Vec<Right> {
    of(
        verbs,
        Right {
            group: GROUP,
            resource: "vmruntimes",
            name: Some(VMRUNTIME),
            namespace: None,
            verb: "",
        },
    )
}

fn checks(verbs: &[&'static str]) -> Vec<Right> {
    in_system(verbs, GROUP, "vmruntimepreflightchecks")
}

/// Whose the pods in `vm-system` are says their ReplicaSet.
fn pods() -> Vec<Right> {
    [
        in_system(&["list", "watch"], "", "pods"),
        in_system(&["list"], "apps", "replicasets"),
    ]
    .concat()
}

fn in_system(verbs: &[&'static str], group: &'static str, resource: &'static str) -> Vec<Right> {
    of(
        verbs,
        Right {
            group,
            resource,
            name: None,
            namespace: Some(SYSTEM_NAMESPACE),
            verb: "",
        },
    )
}

/// In all namespaces, or where there are none.
fn everywhere(verbs: &[&'static str], group: &'static str, resource: &'static str) -> Vec<Right> {
    of(
        verbs,
        Right {
            group,
            resource,
            name: None,
            namespace: None,
            verb: "",
        },
    )
}

/// Machines, their disks and their moves, in all namespaces.
fn workloads(verbs: &[&'static str]) -> Vec<Right> {
    removal_order()
        .flat_map(|kind| everywhere(verbs, kind.group, kind.plural))
        .collect()
}

/// What VMs and disks may own, in all namespaces.
fn dependents(verbs: &[&'static str]) -> Vec<Right> {
    of_dependents(verbs, |_| true)
}

fn of_dependents(verbs: &[&'static str], is_wanted: impl Fn(DependentRole) -> bool) -> Vec<Right> {
    DEPENDENT_KINDS
        .iter()
        .filter(|kind| is_wanted(kind.role))
        .flat_map(|kind| everywhere(verbs, kind.group, kind.plural))
        .collect()
}

/// What people make of the engine's other kinds, and set on the engine itself.
fn engine(verbs: &[&'static str]) -> Vec<Right> {
    comeback::KNOWN
        .iter()
        .flat_map(|(group, plural)| everywhere(verbs, group, plural))
        .collect()
}

fn of_role(role: WorkloadRole, verbs: &[&'static str]) -> Vec<Right> {
    removal_order()
        .filter(|kind| kind.role == role)
        .flat_map(|kind| everywhere(verbs, kind.group, kind.plural))
        .collect()
}

/// The smallest ClusterRole with these rights. Rights in one namespace are given in all of them: a ClusterRole that is
/// bound by a ClusterRoleBinding knows no namespaces.
#[must_use]
pub fn cluster_role(name: &str, rights: &[Right]) -> Value {
    let mut verbs = BTreeMap::<_, Vec<&str>>::new();
    for right in rights {
        let rule = verbs
            .entry((right.group, right.resource, right.name))
            .or_default();
        if !rule.contains(&right.verb) {
            rule.push(right.verb);
        }
    }
    // Resources of one group that need the same are one rule.
    let mut rules = BTreeMap::<_, Vec<&str>>::new();
    for ((group, resource, name), verbs) in verbs {
        rules
            .entry((group, name, verbs))
            .or_default()
            .push(resource);
    }
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|((group, name, verbs), resources)| {
            let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
            if let Some(name) = name {
                rule["resourceNames"] = json!([name]);
            }
            rule
        })
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    })
}

/// Gives a ClusterRole to a user or a service account.
#[must_use]
pub fn cluster_role_binding(name: &str, user: &str) -> Value {
    let account = user
        .strip_prefix("system:serviceaccount:")
        .and_then(|account| account.split_once(':'))
        .filter(|(_, name)| !name.contains(':'));
    let subject = match account {
        Some((namespace, name)) => {
            json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
        }
        None => json!({"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}),
    };
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [subject],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_needs_something_and_no_other_command_does() {
        for row in Row::ALL {
            assert!(!needed(row).is_empty(), "{row:?}");
        }
        for command in CommandId::ALL.iter().copied() {
            let row = Row::Command(command);
            assert_eq!(
                needed(row).is_empty(),
                !Row::ALL.contains(&row),
                "{command}"
            );
        }
    }

    #[test]
    fn nothing_is_asked_for_twice_and_nothing_wholesale() {
        for row in Row::ALL {
            let rights = needed(row);
            let mut unique = rights.clone();
            unique.dedup();
            assert_eq!(rights, unique, "{row:?}");
            for right in rights {
                assert!(![right.group, right.resource, right.verb].contains(&"*"));
                let secrets = [CommandId::DisableVmruntime, CommandId::Restore];
                assert!(right.resource != "secrets" || secrets.contains(&row.command()));
            }
        }
    }

    #[test]
    fn a_denial_belongs_to_the_flag_that_needed_it() {
        let denied = |verb: &'static str, resource: &'static str| {
            move |right: &Right| right.verb == verb && right.resource == resource
        };
        let disable = Row::Command(CommandId::DisableVmruntime);
        let restore = Row::Command(CommandId::Restore);
        for (row_of, verb, resource, expected) in [
            (disable, "patch", "datavolumes", Row::KeepingDisks),
            (disable, "list", "datavolumes", disable),
            (disable, "patch", "nodes", disable),
            (restore, "create", "datavolumes", restore),
        ] {
            assert_eq!(
                row(row_of.command(), denied(verb, resource)),
                expected,
                "{verb} {resource}"
            );
        }
        assert_eq!(
            Row::KeepingDisks.role_name(),
            "bmctl-disable-vmruntime-keep-disks"
        );
    }

    #[test]
    fn a_role_joins_what_belongs_together() {
        assert_eq!(
            cluster_role("r", &needed(Row::Command(CommandId::EnableVmruntime))),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "r"},
                "rules": [
                    {"apiGroups": [GROUP], "resources": ["vmruntimepreflightchecks"], "verbs": ["list", "watch"]},
                    {
                        "apiGroups": [GROUP], "resources": ["vmruntimes"], "resourceNames": ["vmruntime"],
                        "verbs": ["get", "list", "patch", "watch"],
                    },
                ],
            })
        );
        let disable = cluster_role("r", &needed(Row::Command(CommandId::DisableVmruntime)));
        let machines = disable["rules"].as_array().unwrap().iter().find(|rule| {
            rule["apiGroups"] == json!(["kubevirt.io"])
                && rule["verbs"].as_array().unwrap().contains(&json!("patch"))
        });
        assert_eq!(
            machines.unwrap()["resources"],
            json!([
                "virtualmachineinstancereplicasets",
                "virtualmachineinstances",
                "virtualmachines"
            ])
        );
    }

    #[test]
    fn a_binding_names_users_and_service_accounts() {
        let subject = |user| cluster_role_binding("r", user)["subjects"][0].clone();
        assert_eq!(subject("eve")["kind"], "User");
        assert_eq!(
            subject("system:serviceaccount:ci:runner"),
            json!({"kind": "ServiceAccount", "name": "runner", "namespace": "ci"})
        );
    }
}
