//! Why an object does not go: who holds it, how that one is, and what a person can do. It only reads; what can not be
//! read is said to be unknown.

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams},
    core::DynamicObject,
};
use serde_json::json;

use crate::{
    api::{engine, name, text::shortened},
    cluster::{
        event::StuckObject,
        inventory::{Second, Workload},
        list,
        retry::Retry,
    },
    failure::{self, Failure, Hint, Kind, Kubectl, Reason, kubectl, shell_word},
};

/// Who is likely to have put a finalizer, and where it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A Deployment, by a label of it.
    Deployment {
        name: &'static str,
        label: &'static str,
    },
    /// By its namespace and name.
    Controller,
    /// The garbage collector: it waits for dependents.
    Collector,
    /// The finalizer's domain says whose it is.
    Somebody,
}

fn holder(finalizer: &str) -> Holder {
    let domain = finalizer.split('/').next().unwrap_or_default();
    match finalizer {
        "foregroundDeletion" | "orphan" => Holder::Collector,
        "foregroundDeleteVirtualMachine" => VIRT_CONTROLLER,
        _ if domain == engine::CDI_GROUP || domain.ends_with(".cdi.kubevirt.io") => {
            Holder::Deployment {
                name: "cdi-deployment",
                label: "cdi.kubevirt.io=cdi-deployment",
            }
        }
        _ if domain == engine::KUBEVIRT_GROUP || domain.ends_with(".kubevirt.io") => {
            VIRT_CONTROLLER
        }
        _ if domain == name::GROUP || domain.ends_with(".cluster.gke.io") => Holder::Controller,
        _ => Holder::Somebody,
    }
}

const VIRT_CONTROLLER: Holder = Holder::Deployment {
    name: "virt-controller",
    label: "kubevirt.io=virt-controller",
};

/// The object, without a look at its surroundings.
pub(super) fn name(workload: &Workload) -> StuckObject {
    StuckObject {
        object: workload.object_name(),
        deleting_since: workload.deleting.map(Second::timestamp),
        finalizers: workload.finalizers.to_vec(),
        holder: None,
        webhook: None,
        command: describe(workload),
    }
}

/// The object, and what is the matter with it.
pub(super) async fn explain(client: &Client, workload: &Workload) -> StuckObject {
    let mut stuck = name(workload);
    if let Some(finalizer) = workload.finalizers.first() {
        let (holder, command) = state(client, finalizer).await;
        stuck.holder = Some(holder);
        if let Some(command) = command {
            stuck.command = command;
        }
    }
    stuck.webhook = failing_webhook(client, workload).await;
    stuck
}

fn describe(workload: &Workload) -> Kubectl {
    kubectl(format!(
        "describe {} {} --namespace={}",
        workload.kind.qualified(),
        shell_word(&workload.name),
        shell_word(&workload.namespace)
    ))
}

/// Who holds it and how it is, and the command that shows more of it.
async fn state(client: &Client, finalizer: &str) -> (String, Option<Kubectl>) {
    let deployments: Api<Deployment> = Api::all(client.clone());
    let (name, found) = match holder(finalizer) {
        Holder::Deployment { name, label } => {
            let labelled = ListParams::default().labels(label);
            let found = list::objects(&deployments, &labelled, &Retry::once(), "look").await;
            (name, found.map(|found| found.into_iter().next()))
        }
        Holder::Controller => {
            let system: Api<Deployment> = Api::namespaced(client.clone(), name::SYSTEM_NAMESPACE);
            let found = system.get_opt(name::CONTROLLER_DEPLOYMENT).await;
            (name::CONTROLLER_DEPLOYMENT, found)
        }
        Holder::Collector => {
            let who = "the garbage collector, which waits for what the object owns".to_owned();
            return (who, None);
        }
        Holder::Somebody => {
            let domain = finalizer.split('/').next().unwrap_or_default();
            return (format!("whoever works for {domain}"), None);
        }
    };
    match found {
        Ok(Some(deployment)) => {
            let status = deployment.status.unwrap_or_default();
            let available = status.available_replicas.unwrap_or(0);
            let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let namespace = deployment.metadata.namespace.unwrap_or_default();
            (
                format!("{name} in {namespace}, {available} of {wanted} pods available"),
                Some(kubectl(format!(
                    "logs deployment/{name} --namespace={} --tail=50",
                    shell_word(&namespace)
                ))),
            )
        }
        Ok(None) => (format!("{name}, which is not installed any more"), None),
        Err(error) => {
            let failure = failure::from_kube(&error, "look");
            (
                format!(
                    "{name}; how it is could not be read: {}",
                    failure.root_cause()
                ),
                None,
            )
        }
    }
}

/// Asks the API server whether it would take a change of the object, without making one: a webhook that fails keeps
/// whoever holds it from letting go, and is named in the answer.
async fn failing_webhook(client: &Client, workload: &Workload) -> Option<String> {
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &workload.namespace, &workload.resource());
    let nothing = Patch::Merge(json!({"metadata": {"uid": workload.uid.to_string()}}));
    let parameters = PatchParams {
        dry_run: true,
        field_manager: Some(name::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    match api
        .patch_metadata(&workload.name, &parameters, &nothing)
        .await
    {
        Err(kube::Error::Api(status)) if status.message.contains("webhook") => {
            Some(shortened(status.message))
        }
        Ok(_) | Err(_) => None,
    }
}

/// Time is up, and these are still there.
pub(super) fn timed_out<'a>(left: impl Iterator<Item = &'a Workload>) -> Failure {
    /// More lines than this say no more.
    const NAMED: usize = 20;
    let left: Vec<&Workload> = left.collect();
    let mut failure = Failure::new(
        Kind::TimedOut,
        Reason::TimedOut,
        format!("timed out while {} objects were being deleted", left.len()),
    );
    for workload in left.iter().take(NAMED) {
        let since = match workload.deleting {
            Some(since) => format!("being deleted since {since}"),
            None => "not deleted yet".to_owned(),
        };
        let finalizers = match &*workload.finalizers {
            [] => String::new(),
            finalizers => format!(", held by {}", finalizers.join(", ")),
        };
        failure = failure.caused_by(format!(
            "still there: {}, {since}{finalizers}",
            workload.object_name()
        ));
    }
    if let Some(held) = left.iter().find(|workload| !workload.finalizers.is_empty()) {
        failure = failure.hint(Hint::run("see what holds it", describe(held)));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalizers_name_who_put_them() {
        for (finalizer, expected) in [
            (
                "kubevirt.io/virtualMachineControllerFinalize",
                VIRT_CONTROLLER,
            ),
            ("foregroundDeleteVirtualMachine", VIRT_CONTROLLER),
            ("foregroundDeletion", Holder::Collector),
            ("vm.cluster.gke.io/x", Holder::Controller),
            ("baremetal.cluster.gke.io/x", Holder::Controller),
            ("example.com/hold", Holder::Somebody),
            ("notkubevirt.io/x", Holder::Somebody),
        ] {
            assert_eq!(holder(finalizer), expected, "{finalizer}");
        }
        assert!(matches!(
            holder("cdi.kubevirt.io/dataVolumeFinalizer"),
            Holder::Deployment {
                name: "cdi-deployment",
                ..
            }
        ));
    }
}
