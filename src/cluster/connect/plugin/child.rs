//! One run of another program that must not outlive its time, nor whoever waits for it. What it has started itself and left
//! behind keeps nobody: what counts is what it has written when it ends, not who else still holds its pipes.

use std::{
    fs::File,
    future,
    io::{self, Read as _},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use tokio::net::unix::pipe::Receiver;

/// Whose process group it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// It may use the terminal; only itself is ended.
    Ours,
    /// It is ended with everything that it has started.
    Own,
}

/// What came of it.
pub(super) struct Ended {
    /// `None`: it took too long, and was killed.
    pub status: Option<ExitStatus>,
    pub stdout: Vec<u8>,
    /// Nothing where that is not a pipe.
    pub stderr: Vec<u8>,
}

/// More than any credential; what follows is not kept.
const MOST: usize = 1024 * 1024;

/// As much as a pipe of Linux holds.
const AT_ONCE: usize = 64 * 1024;

/// Runs it to its end, its standard output being a pipe. It is killed where that takes too long, and also when nobody
/// waits any more.
pub(super) async fn run(mut command: Command, group: Group, limit: Duration) -> io::Result<Ended> {
    if group == Group::Own {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let running = Running {
        pid: Arc::new(Mutex::new(pid)),
        group,
    };
    let mut stdout = Written::to(child.stdout.take())?;
    let mut stderr = Written::to(child.stderr.take())?;
    let pid = Arc::clone(&running.pid);
    let ended = tokio::task::spawn_blocking(move || wait(child, &pid));
    let status = tokio::select! {
        ended = ended => Some(ended.map_err(io::Error::other)??),
        () = stdout.listen() => None,
        () = stderr.listen() => None,
        () = tokio::time::sleep(limit) => None,
    };
    Ok(Ended {
        status,
        stdout: stdout.all(),
        stderr: stderr.all(),
    })
}

/// What has been written to a pipe so far.
struct Written {
    pipe: Option<Receiver>,
    bytes: Vec<u8>,
}

impl Written {
    fn to<P: Into<OwnedFd>>(pipe: Option<P>) -> io::Result<Self> {
        let pipe = pipe.map(|pipe| Receiver::from_owned_fd(pipe.into()));
        Ok(Self {
            pipe: pipe.transpose()?,
            bytes: Vec::new(),
        })
    }

    /// Takes what comes, so that nobody waits to write it. Never returns.
    async fn listen(&mut self) {
        let mut some = vec![0; AT_ONCE];
        while let Some(pipe) = &self.pipe {
            if pipe.readable().await.is_err() {
                break;
            }
            match pipe.try_read(&mut some) {
                Ok(count @ 1..) => self.keep(&some[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => self.pipe = None,
            }
        }
        future::pending::<()>().await;
    }

    /// What a program that has ended wrote is in the pipe. Asked of the system itself: tokio may not have heard of it yet.
    fn all(mut self) -> Vec<u8> {
        let pipe = self.pipe.take().map(Receiver::into_nonblocking_fd);
        if let Some(Ok(pipe)) = pipe {
            let mut pipe = File::from(pipe);
            let mut some = vec![0; AT_ONCE];
            // Until there is nothing more, or nobody who could write more.
            while let Ok(count @ 1..) = pipe.read(&mut some) {
                self.keep(&some[..count]);
                if self.bytes.len() == MOST {
                    break;
                }
            }
        }
        self.bytes
    }

    fn keep(&mut self, some: &[u8]) {
        let room = MOST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&some[..some.len().min(room)]);
    }
}

fn wait(mut child: Child, pid: &Mutex<Option<Pid>>) -> io::Result<ExitStatus> {
    // As long as it has not been waited for, its number is nobody else's.
    let number = *pid.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = number {
        waitid(
            WaitId::Pid(number),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
    }
    *pid.lock().unwrap_or_else(PoisonError::into_inner) = None;
    child.wait()
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
