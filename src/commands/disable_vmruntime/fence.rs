//! The fence: while VMs are being deleted, an annotation on the VMRuntime asks the controller to let no new ones in.
//!
//! It names the time when it ends, so that a bmctl that dies leaves no cluster closed. A foreign controller ignores it;
//! the removal then finds what was created meanwhile when it lists again.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    cluster::{Retry, vmruntime},
    commands::Context,
    failure::Failure,
};

/// How long a fence stands by itself.
pub const LENGTH: Duration = Duration::from_secs(5 * 60);
/// How often it is put up again.
const RENEWAL: Duration = Duration::from_secs(2 * 60);

/// Does the work behind the fence.
pub async fn around<T>(
    client: &kube::Client,
    retry: &Retry<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    put_up(client, retry).await?;
    let renewal = async {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if let Err(failure) = put_up(client, retry).await {
                break failure;
            }
        }
    };
    tokio::select! {
        biased;
        ended = work => ended,
        failure = renewal => Err(failure),
    }
}

/// Takes the fence away. Where that fails it ends by itself, and it is said.
pub async fn lift(context: &Context, client: &kube::Client, retry: &Retry<'_>) {
    if let Err(failure) = vmruntime::fence(client, retry, None).await {
        context.warn(&format!(
            "could not open VM creation again; it opens by itself within {}: {failure}",
            crate::render::age::span(LENGTH)
        ));
    }
}

async fn put_up(client: &kube::Client, retry: &Retry<'_>) -> Result<(), Failure> {
    vmruntime::fence(client, retry, Some(Timestamp::now() + LENGTH)).await?;
    Ok(())
}
