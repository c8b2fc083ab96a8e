//! Metrics and health over plain HTTP: `/metrics`, `/livez` (also `/healthz`) and `/readyz`. Answers questions, changes
//! nothing, and shows nothing that is not a number or a word of ours.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

use super::{
    metric::{self, CONTENT_TYPE, Metrics},
    options::Pace,
};

/// Connections at once; a scraper and a kubelet need two. Beyond that the oldest is closed: who keeps connections and
/// says nothing keeps nobody out.
const CONNECTIONS: usize = 128;
/// A connection has so long to ask, however many others want in.
const GRACE: Duration = Duration::from_millis(200);
/// How long a question may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the controller is, as far as others may ask.
#[derive(Debug)]
pub(super) struct Health {
    pace: Pace,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// When the API server last answered about the Lease.
    answered: Option<Instant>,
    leading: bool,
    /// The round that is under way.
    round: Option<Instant>,
    /// A round has been carried out since this controller leads.
    carried_out: bool,
}

impl Health {
    pub(super) fn new(pace: &Pace) -> Self {
        Self {
            pace: *pace,
            state: Mutex::default(),
        }
    }

    /// The API server answered.
    pub(super) fn answered(&self) {
        self.change(|state| state.answered = Some(Instant::now()));
    }

    pub(super) fn round_begins(&self, now: Instant) {
        self.change(|state| state.round = Some(now));
    }

    pub(super) fn round_ends(&self, well: bool) {
        self.change(|state| {
            state.round = None;
            state.carried_out |= well;
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A restart would help nothing but a round that hangs: every request of it has a limit.
    fn live(&self, now: Instant) -> Result<(), &'static str> {
        let limit = self.pace.install + self.pace.resync + self.pace.request * 10;
        match self.state().round {
            Some(since) if now.duration_since(since) > limit => {
                Err("a round of the controller hangs")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A leader that has looked at the cluster, or somebody who could become one.
    fn ready(&self, now: Instant) -> Result<(), &'static str> {
        let state = self.state();
        if state.leading && state.carried_out {
            return Ok(());
        }
        match state.answered {
            _ if state.leading => Err("this controller leads and has not seen the cluster yet"),
            Some(answered) if now.duration_since(answered) < self.pace.request * 2 => Ok(()),
            Some(_) => Err("the API server does not answer any more"),
            None => Err("the API server has not answered yet"),
        }
    }
}

/// As long as it lives, this controller leads. What was measured of the cluster goes with it: it is the next one's.
pub(super) struct Leading {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Leading {
    pub(super) fn new(metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        metrics.set(&metric::LEADER, &[], 1.0);
        health.change(|state| {
            state.leading = true;
            state.carried_out = false;
        });
        Self { metrics, health }
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.metrics.set(&metric::LEADER, &[], 0.0);
        for family in [
            &metric::ENABLED,
            &metric::PHASE,
            &metric::CONDITION,
            &metric::VIRTUAL_MACHINES,
            &metric::STUCK_OBJECTS,
            &metric::CHECK_NODES,
            &metric::CHECK_PODS,
        ] {
            self.metrics.forget(family);
        }
        self.health.change(|state| {
            state.leading = false;
            state.round = None;
        });
    }
}

/// Serves for ever.
pub(super) async fn run(listener: TcpListener, metrics: Arc<Metrics>, health: Arc<Health>) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "serving metrics and health");
    }
    let version = env!("CARGO_PKG_VERSION");
    metrics.set(&metric::BUILD_INFO, &[version], 1.0);
    metrics.set(&metric::LEADER, &[], 0.0);
    metrics.set(
        &metric::START_TIME,
        &[],
        jiff::Timestamp::now().as_duration().as_secs_f64(),
    );
    let mut open: VecDeque<(Instant, AbortHandle)> = VecDeque::new();
    loop {
        let accepted = listener.accept().await;
        open.retain(|(_, connection)| !connection.is_finished());
        if open.len() >= CONNECTIONS || accepted.is_err() {
            close_oldest(&mut open).await;
        }
        match accepted {
            Ok((stream, _)) => {
                let served = connection(stream, metrics.clone(), health.clone());
                let connection = tokio::spawn(served).abort_handle();
                open.push_back((Instant::now(), connection));
            }
            Err(error) => {
                // No more file descriptors, most likely: those that are busy will be free in a moment.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Closes the connection that has been open for longest, once it has had its time.
async fn close_oldest(open: &mut VecDeque<(Instant, AbortHandle)>) {
    if let Some((since, connection)) = open.pop_front() {
        tokio::time::sleep_until((since + GRACE).into()).await;
        connection.abort();
    }
}

async fn connection(stream: TcpStream, metrics: Arc<Metrics>, health: Arc<Health>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), &metrics, &health);
        async { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the metrics ended");
    }
}

fn answer(
    method: &Method,
    path: &str,
    metrics: &Metrics,
    health: &Health,
) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    let now = Instant::now();
    let state = |state: Result<(), &'static str>| match state {
        Ok(()) => (StatusCode::OK, PLAIN, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
    };
    let asks = matches!(*method, Method::GET | Method::HEAD);
    let (status, kind, text) = match path {
        _ if !asks => (
            StatusCode::METHOD_NOT_ALLOWED,
            PLAIN,
            "only GET\n".to_owned(),
        ),
        "/metrics" => {
            measure_process(metrics);
            (StatusCode::OK, CONTENT_TYPE, metrics.text())
        }
        "/livez" | "/healthz" => state(health.live(now)),
        "/readyz" => state(health.ready(now)),
        _ => (
            StatusCode::NOT_FOUND,
            PLAIN,
            "/metrics, /livez, /readyz\n".to_owned(),
        ),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// Linux tells it in pages (`proc(5)`, `statm`), which have 4 KiB on the machines that we run on.
#[allow(clippy::cast_precision_loss, reason = "bytes, for people")]
fn measure_process(metrics: &Metrics) {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    if let Some(pages) = pages {
        metrics.set(&metric::MEMORY, &[], (pages * PAGE) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(path: &str, health: &Health) -> StatusCode {
        answer(&Method::GET, path, &Metrics::default(), health).status()
    }

    #[test]
    fn ready_is_who_leads_and_has_looked_or_could_lead() {
        let metrics = Arc::new(Metrics::default());
        let health = Arc::new(Health::new(&Pace::default()));
        assert_eq!(status("/readyz", &health), StatusCode::SERVICE_UNAVAILABLE);
        health.answered();
        assert_eq!(status("/readyz", &health), StatusCode::OK);
        let leading = Leading::new(metrics.clone(), health.clone());
        assert_eq!(status("/readyz", &health), StatusCode::SERVICE_UNAVAILABLE);
        health.round_begins(Instant::now());
        health.round_ends(true);
        assert_eq!(status("/readyz", &health), StatusCode::OK);
        metrics.set(&metric::VIRTUAL_MACHINES, &[], 3.0);
        drop(leading);
        assert!(
            !metrics.text().contains("virtual_machines"),
            "somebody else's now"
        );
        let late = Instant::now() + Pace::default().request * 2;
        assert!(health.ready(late).is_err());
    }

    #[test]
    fn only_a_round_that_hangs_needs_a_restart() {
        let health = Health::new(&Pace::default());
        let start = Instant::now();
        assert!(health.live(start + Duration::from_secs(100_000)).is_ok());
        health.round_begins(start);
        assert!(health.live(start + Duration::from_secs(60)).is_ok());
        assert!(health.live(start + Duration::from_secs(3600)).is_err());
        health.round_ends(false);
        assert!(health.live(start + Duration::from_secs(3600)).is_ok());
    }

    #[tokio::test]
    async fn silent_connections_keep_nobody_out() -> std::io::Result<()> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let health = Arc::new(Health::new(&Pace::default()));
        let served = tokio::spawn(run(listener, Arc::default(), health));
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS + 2 {
            silent.push(TcpStream::connect(address).await?);
        }
        let mut asking = TcpStream::connect(address).await?;
        let question = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        asking.write_all(question).await?;
        let mut answer = String::new();
        asking.read_to_string(&mut answer).await?;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        // The first of those that said nothing had to go.
        assert_eq!(silent[0].read(&mut [0]).await.unwrap_or_default(), 0);
        served.abort();
        Ok(())
    }

    #[test]
    fn other_questions_are_refused() {
        let health = Health::new(&Pace::default());
        assert_eq!(status("/", &health), StatusCode::NOT_FOUND);
        let metrics = Metrics::default();
        let posted = answer(&Method::POST, "/metrics", &metrics, &health);
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
        let asked = answer(&Method::GET, "/metrics", &metrics, &health);
        assert_eq!(asked.headers()[header::CONTENT_TYPE], CONTENT_TYPE);
    }
}
