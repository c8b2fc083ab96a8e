//! What of VM Runtime is being removed and still there, and whether its controller could go on: for waits and `status`,
//! which do not know the objects beforehand. What may not be read is left out; nothing here decides anything.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Namespace};
use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};

use super::{
    Explainer, LIMIT, Leaving, NextStep, StuckObject,
    facts::{State, deployment_state, with_trouble},
    judge,
    next_step::{find_controller, of_pods},
};
use crate::{
    api::{
        engine,
        kubernetes::{Deployment, Pod},
        name::{CONTROLLER_DEPLOYMENT, ENGINE_MANIFESTS, SYSTEM_NAMESPACE},
    },
    cluster::{list, retry::Retry},
    failure::{controller_log, kubectl},
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// `None`: nothing is known that keeps the controller from going on.
    pub controller: Option<AbsentController>,
    /// What has been deleted for a while.
    pub objects: Vec<StuckObject>,
}

/// The controller cannot go on, as far as that is to be seen from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentController {
    pub why: String,
    pub next_step: NextStep,
    /// Without a Deployment it may still run somewhere else.
    pub installed: bool,
}

/// So many objects are explained.
const EXPLAINED: usize = 5;

/// Looks for what has been deleted for at least that long. Bounded in time, and without a failure of its own.
pub async fn survey(client: &Client, now: Timestamp, long: Duration) -> Survey {
    let looking = async {
        let (controller, leaving) = futures::join!(controller(client, now), leaving(client));
        let late = leaving
            .into_iter()
            .filter(|leaving| leaving.lasts(now, long));
        (controller, late.take(EXPLAINED).collect::<Vec<_>>())
    };
    let Ok((controller, late)) = tokio::time::timeout(LIMIT, looking).await else {
        return Survey::default();
    };
    let objects = Explainer::of_command(client).explain(&late).await;
    Survey {
        controller,
        objects,
    }
}

/// The engine's objects, what its release files brought, and pods in the system namespace, if they are being deleted.
async fn leaving(client: &Client) -> Vec<Leaving> {
    let resource = |group, version, kind, plural| {
        let kind = GroupVersionKind::gvk(group, version, kind);
        ApiResource::from_gvk_with_plural(&kind, plural)
    };
    let released = ListParams::default().labels(ENGINE_MANIFESTS);
    let all = ListParams::default;
    let lists = [
        (
            resource(engine::KUBEVIRT_GROUP, "v1", "KubeVirt", "kubevirts"),
            None,
            all(),
        ),
        (
            resource(engine::CDI_GROUP, "v1beta1", "CDI", "cdis"),
            None,
            all(),
        ),
        (ApiResource::erase::<Namespace>(&()), None, released),
        (
            ApiResource::erase::<Pod>(&()),
            Some(SYSTEM_NAMESPACE),
            all(),
        ),
    ];
    let lists = lists
        .iter()
        .map(|(resource, namespace, wanted)| async move {
            let api: Api<DynamicObject> = match namespace {
                Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
                None => Api::all_with(client.clone(), resource),
            };
            let once = Retry::once();
            let listed = list::metadata(&api, wanted, &once, "look").await;
            listed
                .unwrap_or_default()
                .iter()
                .map(|metadata| Leaving::new(resource, metadata))
                .filter(|leaving| leaving.deleting_since.is_some())
                .collect::<Vec<_>>()
        });
    join_all(lists).await.into_iter().flatten().collect()
}

/// Why the controller cannot go on, if that is to be seen.
async fn controller(client: &Client, now: Timestamp) -> Option<AbsentController> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let leases: Api<Lease> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let (deployment, lease) = futures::join!(
        deployments.get_opt(CONTROLLER_DEPLOYMENT),
        leases.get_opt(CONTROLLER_DEPLOYMENT)
    );
    // What cannot be read says nothing about the controller.
    let state = deployment_state(deployment.ok()?);
    let state = with_trouble(&Explainer::of_command(client), state).await;
    absent(&state, lease.ok().flatten().as_ref(), now)
}

/// Pure. A cluster without election has no Lease.
fn absent(state: &State, lease: Option<&Lease>, now: Timestamp) -> Option<AbsentController> {
    let (why, next_step) = match state {
        State::NotInstalled => (
            format!(
                "no controller is to be seen: there is no deployment {CONTROLLER_DEPLOYMENT} in {SYSTEM_NAMESPACE}"
            ),
            NextStep {
                why: "see whether it is there".to_owned(),
                command: kubectl(find_controller()).into(),
            },
        ),
        State::Pods { .. } if judge::is_away(state) => (
            judge::pods(CONTROLLER_DEPLOYMENT, "does all of this", state),
            of_pods(CONTROLLER_DEPLOYMENT, state)?,
        ),
        State::Pods { .. } => (
            leaderless(lease?, now)?,
            NextStep {
                why: "see what its pods say".to_owned(),
                command: controller_log().into(),
            },
        ),
        State::NotLooked | State::Unreadable(_) => return None,
    };
    Some(AbsentController {
        why,
        next_step,
        installed: *state != State::NotInstalled,
    })
}

/// A Lease that nobody holds, or that its holder has not renewed. Our clock may be wrong by a little; that a Lease is
/// taken over takes a moment too.
fn leaderless(lease: &Lease, now: Timestamp) -> Option<String> {
    const DOUBT: Duration = Duration::from_secs(30);
    let spec = lease.spec.as_ref()?;
    let lease = format!("Lease {CONTROLLER_DEPLOYMENT} in {SYSTEM_NAMESPACE}");
    let Some(holder) = spec
        .holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
    else {
        return Some(format!(
            "no controller leads: nobody holds {lease}, although its pods are available"
        ));
    };
    let renewed = spec.renew_time.as_ref()?.0;
    let seconds = u64::try_from(spec.lease_duration_seconds?).ok()?;
    let end = renewed
        .checked_add(Duration::from_secs(seconds) + DOUBT)
        .ok()?;
    (end < now)
        .then(|| format!("no controller leads: {holder} has not renewed {lease} since {renewed}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pods(wanted: i32, available: i32) -> State {
        State::Pods {
            namespace: SYSTEM_NAMESPACE.to_owned(),
            wanted,
            available,
            selector: "app=vmruntime-controller-manager".to_owned(),
            pod_failure: None,
        }
    }

    fn lease(holder: &str, renewed: &str) -> Lease {
        serde_json::from_value(json!({"spec": {
            "holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": 15,
        }}))
        .unwrap()
    }

    #[test]
    fn a_controller_that_cannot_go_on_is_said() {
        let now = "2026-11-23T10:01:00Z".parse().unwrap();
        let fresh = lease("a", "2026-11-23T10:00:50.5Z");
        let slow = lease("a", "2026-11-23T10:00:20.5Z");
        let old = lease("a", "2026-11-23T10:00:00.5Z");
        let given_back = lease("", "2026-11-23T10:00:59.5Z");
        let rows = [
            ("works, without election", pods(1, 1), None, None),
            ("works", pods(2, 1), Some(&fresh), None),
            ("may be our clock", pods(2, 2), Some(&slow), None),
            (
                "unreadable",
                State::Unreadable("no".into()),
                Some(&old),
                None,
            ),
            (
                "dead leader",
                pods(2, 2),
                Some(&old),
                Some((
                    "no controller leads: a has not renewed Lease vmruntime-controller-manager in vm-system since 2026-11-23T10:00:00.5Z",
                    "logs --namespace=vm-system --selector=app=vmruntime-controller-manager --prefix --tail=50",
                )),
            ),
            (
                "no leader",
                pods(1, 1),
                Some(&given_back),
                Some((
                    "no controller leads: nobody holds Lease vmruntime-controller-manager in vm-system, although its pods are available",
                    "logs --namespace=vm-system --selector=app=vmruntime-controller-manager --prefix --tail=50",
                )),
            ),
            (
                "scaled to 0",
                pods(0, 0),
                Some(&fresh),
                Some((
                    "vmruntime-controller-manager in vm-system does all of this, and is scaled to 0",
                    "scale deployment vmruntime-controller-manager --namespace=vm-system --replicas=1",
                )),
            ),
            (
                "no pod works",
                pods(2, 0),
                None,
                Some((
                    "vmruntime-controller-manager in vm-system does all of this, and 0 of 2 of its pods are available",
                    "describe pods --namespace=vm-system --selector=app=vmruntime-controller-manager",
                )),
            ),
            (
                "not installed",
                State::NotInstalled,
                None,
                Some((
                    "no controller is to be seen: there is no deployment vmruntime-controller-manager in vm-system",
                    "get deployment vmruntime-controller-manager --namespace=vm-system",
                )),
            ),
        ];
        for (case, state, lease, expected) in rows {
            let found = absent(&state, lease, now);
            let found = found.map(|absent| (absent.why, absent.next_step.command.to_string()));
            let expected =
                expected.map(|(why, command)| (why.to_owned(), format!("kubectl {command}")));
            assert_eq!(found, expected, "{case}");
        }
    }
}
