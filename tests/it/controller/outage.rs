//! Everything that can go wrong between the controller and its API server, through the proxy that breaks what it is told
//! to: the controller goes on, is soon back after an outage, and never says what is not so.

use anyhow::{Context, ensure};
use bmctl::api::{VMRuntime, VMRuntimePreflightCheck, name};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, Config, ResourceExt,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use libtest_mimic::{Failed, Trial};
use serde_json::json;

use super::{
    eventually::until,
    test_cluster::{Controller, TestCluster as Options, pass},
};
use crate::{
    faults::{Fault, On, Proxy, Script},
    test_cluster::{TestCluster, eventually, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests!["controller": faults_at_random_end_well, an_outage_is_soon_over]
}

/// How many seeds are played; more find more.
const SEEDS: &str = "BMCTL_FAULT_SEEDS";
/// Faults of a seed: about every third request, until there were so many.
const FAULTS: usize = 12;
/// So often it is asked in vain.
const IN_VAIN: usize = 24;

/// A controller behind a proxy.
struct Play {
    // In this order: the controller ends before what it talks to.
    controller: Option<Controller>,
    proxy: Proxy,
    test_cluster: TestCluster,
}

impl Play {
    fn begin() -> Result<Self, Failed> {
        let test_cluster = TestCluster::without_controller();
        let proxy = Proxy::before(&test_cluster, Script::none());
        let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig())?;
        let mut options = Options::options()?;
        options.pace.request = std::time::Duration::from_secs(2);
        options.pace.retry_most = std::time::Duration::from_secs(1);
        let controller = runtime().block_on(async {
            let config =
                Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
            anyhow::Ok(Controller::start(Client::try_from(config)?, options))
        })?;
        let play = Self {
            controller: Some(controller),
            proxy,
            test_cluster,
        };
        play.reaches(false)?;
        Ok(play)
    }

    /// Behind everybody's back.
    fn enable(&self, enabled: bool) -> Result<(), Failed> {
        let path = "/apis/vm.cluster.gke.io/v1/vmruntimes/vmruntime";
        let patch = json!({"spec": {"enabled": enabled}});
        self.test_cluster.patch(path, &patch).map(drop)
    }

    /// Waits until that is said, and looks whether it is so.
    fn reaches(&self, enabled: bool) -> Result<(), Failed> {
        let reached = runtime().block_on(async {
            let owner = self.test_cluster.owner();
            let said = Api::<VMRuntime>::all(owner.clone());
            until(said, &format!("enabled: {enabled}"), |objects| {
                objects
                    .iter()
                    .any(|object| says(object, enabled))
                    .then_some(())
            })
            .await?;
            if enabled {
                is_up(&owner).await
            } else {
                is_gone(&owner).await
            }
        });
        reached.map_err(|error| format!("{error:#}").into())
    }

    /// How often anything was asked so far, in vain or not.
    fn asked(&self) -> usize {
        self.proxy.connections() + self.proxy.requests().len()
    }

    fn end(mut self) -> Result<(), Failed> {
        self.proxy.play(Script::none());
        if let Some(controller) = self.controller.take() {
            runtime().block_on(controller.stop())?;
        }
        Ok(())
    }
}

fn says(object: &VMRuntime, enabled: bool) -> bool {
    let Some(status) = &object.status else {
        return false;
    };
    let is_news = status.observed_generation == object.metadata.generation;
    let phase = if enabled { "Ready" } else { "Disabled" };
    is_news && status.phase.as_deref() == Some(phase) && status.ready == Some(enabled)
}

fn kubevirts(owner: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("kubevirt.io", "v1", "KubeVirt");
    Api::all_with(owner.clone(), &ApiResource::from_gvk(&kind))
}

/// A fresh look: the engine is deployed, and the newest finished check has passed.
async fn is_up(owner: &Client) -> anyhow::Result<()> {
    let all = kubevirts(owner).list(&ListParams::default()).await?;
    let kubevirt = all.items.first().context("no KubeVirt")?;
    ensure!(
        kubevirt.data["status"]["phase"] == "Deployed",
        "{kubevirt:?}"
    );
    let checks: Api<VMRuntimePreflightCheck> =
        Api::namespaced(owner.clone(), name::SYSTEM_NAMESPACE);
    let checks = checks.list(&ListParams::default()).await?.items;
    let finished = checks.iter().filter(|check| pass(check).is_some());
    let newest = finished.max_by_key(|check| check.creation_timestamp());
    ensure!(newest.and_then(pass) == Some(true), "{checks:?}");
    Ok(())
}

/// A fresh look: no engine, and no pod but the controller's own.
async fn is_gone(owner: &Client) -> anyhow::Result<()> {
    match kubevirts(owner).list(&ListParams::default()).await {
        Ok(left) => ensure!(left.items.is_empty(), "{left:?}"),
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(error.into()),
    }
    let pods: Api<Pod> = Api::namespaced(owner.clone(), name::SYSTEM_NAMESPACE);
    let pods = pods.list(&ListParams::default()).await?;
    let left: Vec<String> = pods
        .iter()
        .map(ResourceExt::name_any)
        .filter(|pod| !pod.starts_with(name::CONTROLLER_DEPLOYMENT))
        .collect();
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

fn faults_at_random_end_well() -> Result<(), Failed> {
    let seeds: u64 = std::env::var(SEEDS).map_or(2, |seeds| seeds.parse().unwrap());
    let play = Play::begin()?;
    for seed in 0..seeds {
        for enabled in [true, false] {
            play.proxy
                .play(Script::seeded(seed * 2 + u64::from(enabled), FAULTS));
            play.enable(enabled)?;
            play.reaches(enabled)
                .map_err(|error| format!("seed {seed}, {enabled}: {error:?}"))?;
        }
    }
    play.end()
}

/// It has been away for so long that nobody hurries any more. (How long the pauses ever get is a matter of
/// `controller::options` and `controller::watch`, and of tests beside them.)
fn an_outage_is_soon_over() -> Result<(), Failed> {
    let play = Play::begin()?;
    let away = Script::none()
        .always(On::Any, Fault::Refuse)
        .always(On::Any, Fault::Drop);
    let overloaded = Script::none().always(On::Any, Fault::answer(503));
    for (script, enabled) in [(away, true), (overloaded, false)] {
        play.proxy.play(script);
        // A watch that stays open would be no outage; one that is between two tries would be all that asks.
        play.proxy.cut();
        play.enable(enabled)?;
        let before = play.asked();
        eventually("it is asked in vain, again and again", || {
            let asked = play.asked() - before;
            if asked >= IN_VAIN {
                Ok(())
            } else {
                Err(asked.to_string())
            }
        })?;
        play.proxy.play(Script::none());
        play.reaches(enabled)?;
    }
    play.end()
}
