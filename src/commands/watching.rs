//! `--watch`: what a command shows, again after every change, until somebody interrupts it.
//!
//! Each change is one result on stdout, a document of its own in JSON and YAML. What could not be determined is a result
//! like any other; only what cannot get better by itself ends the command.

use std::time::Duration;

use super::{
    Context,
    context::{Ending, InterruptNote},
    session::{Intent, Session},
};
use crate::{
    cluster::{Cluster, changes::Changes},
    exit::Exit,
    failure::{Failure, Kind},
    render::{Report, document::Nothing},
};

/// What is not listened to, such as how many VMs there are, is looked at this often.
const LOOK: Duration = Duration::from_secs(30);

/// Shows what `look` finds, whenever that has changed. `look` fills in the report.
pub async fn run<R, L>(context: &Context, mut session: Session<'_, R>, look: L) -> Exit
where
    R: Report + Clone + 'static,
    L: AsyncFn(&mut Session<'_, R>, &Cluster) -> Result<Exit, Failure>,
{
    let ended = context
        .unless_interrupted(watch(&mut session, look), InterruptNote::nothing)
        .await;
    match ended {
        // Nobody reads any more.
        Ok(()) => context.end(Ending::well(Nothing {})),
        Err(failure) => context.fail(failure),
    }
}

async fn watch<R, L>(session: &mut Session<'_, R>, look: L) -> Result<(), Failure>
where
    R: Report + Clone + 'static,
    L: AsyncFn(&mut Session<'_, R>, &Cluster) -> Result<Exit, Failure>,
{
    let cluster = session.connect(Intent::Read).await?;
    let mut changes = Changes::of(&cluster.client);
    let mut shown = None;
    loop {
        session.begin_again();
        let ended = look(session, &cluster).await;
        if let Err(failure) = &ended
            && ends(failure.kind)
        {
            return ended.map(drop);
        }
        if !session.show(ended, &mut shown)? {
            return Ok(());
        }
        // Whether it was a change or the time: both are reasons to look.
        let _changed = tokio::time::timeout(LOOK, changes.next()).await;
    }
}

/// Does it stay so until somebody types something else?
fn ends(kind: Kind) -> bool {
    matches!(kind, Kind::Usage | Kind::Denied)
}
