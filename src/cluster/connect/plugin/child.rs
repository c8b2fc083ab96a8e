//! One run of another program that must not outlive its time, nor whoever waits for it.

use std::{
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

/// Whose process group it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// It may use the terminal; only itself is ended.
    Ours,
    /// It is ended with everything that it has started.
    Own,
}

/// How it ended by itself.
pub(super) struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
}

/// More than any credential; what follows is not read.
const MOST: u64 = 1024 * 1024;

/// Runs it to its end, its standard output being a pipe; `None` where that took too long. It is killed then, and also
/// when nobody waits any more.
pub(super) async fn run(
    mut command: Command,
    group: Group,
    limit: Duration,
) -> io::Result<Option<Ended>> {
    if group == Group::Own {
        command.process_group(0);
    }
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let running = Running {
        pid: Arc::new(Mutex::new(pid)),
        group,
    };
    let pid = Arc::clone(&running.pid);
    let ended = tokio::task::spawn_blocking(move || wait(child, &pid));
    match tokio::time::timeout(limit, ended).await {
        Ok(Ok(ended)) => ended.map(Some),
        Ok(Err(error)) => Err(io::Error::other(error)),
        Err(_) => Ok(None),
    }
}

fn wait(mut child: Child, pid: &Mutex<Option<Pid>>) -> io::Result<Ended> {
    let mut stdout = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(MOST).read_to_end(&mut stdout)?;
    }
    // As long as it has not been waited for, its number is nobody else's.
    let number = *pid.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = number {
        waitid(
            WaitId::Pid(number),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
    }
    *pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let status = child.wait()?;
    Ok(Ended { status, stdout })
}

/// Kills it on the way out, unless it has ended.
struct Running {
    pid: Arc<Mutex<Option<Pid>>>,
    group: Group,
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.pid.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pid) = *pid else {
            return;
        };
        let killed = match self.group {
            Group::Ours => kill_process(pid, Signal::KILL),
            Group::Own => kill_process_group(pid, Signal::KILL),
        };
        if let Err(error) = killed {
            tracing::debug!(%error, "the login plugin is gone already");
        }
    }
}
