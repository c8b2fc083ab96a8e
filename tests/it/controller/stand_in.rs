//! A controller in a process of its own, as quick as the tests are, where its memory is measured or it is killed. It is
//! this very test binary: [`play`] plays it in the folder of its kubeconfig.

use std::net::Ipv4Addr;

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::test_cluster::TestCluster;

/// What the test binary is called with to play it.
pub const WORD: &str = "stand-in-controller";

/// Plays it until it is told to stop, if this process was called as it.
pub fn play() -> Option<anyhow::Result<()>> {
    let called = std::env::args().nth(1).is_some_and(|word| word == WORD);
    called.then(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(controller())
    })
}

/// Until it is told to stop.
async fn controller() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        .init();
    let config = Config::from_custom_kubeconfig(
        Kubeconfig::read_from("kubeconfig")?,
        &KubeConfigOptions::default(),
    )
    .await?;
    let mut options = TestCluster::options()?;
    options.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    let stop = CancellationToken::new();
    let mut told = signal(SignalKind::terminate())?;
    let running = bmctl::controller::run(Client::try_from(config)?, options, stop.clone());
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended,
        _ = told.recv() => stop.cancel(),
    }
    running.await
}
