//! Bounds for what is kept of an answer, as a layer of the client: bytes of a whole answer, and of a line of a watch.
//!
//! kube collects a body whole before it looks at it, and splits a watch into lines without a limit. What a server sends
//! without end would fill the memory long before the time of the request is over. Nothing is decompressed below this
//! layer (kube's `gzip` is not built in), so what is counted is what is kept.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use kube::client::{Body, DynBody};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower::{BoxError, Layer, Service};

use super::timeout::is_watch;
use crate::failure::AnswerTooLarge;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// How much is kept of what a server sends.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// Of an answer. etcd takes objects of 1.5 MiB, and a page has 500, but what is paged here has 10 to 50 KiB an object
    /// (VMs, nodes and pods with their managed fields): 25 MiB at most.
    answer: usize,
    /// Of an answer that is an error; more of it is not read, and the error stays what its code says.
    error: usize,
    /// Of a line of a watch: one object, which JSON makes larger than etcd's encoding of it.
    line: usize,
    /// Of an answer while others are being read: what is larger waits for its turn, so that many requests at once keep
    /// no more than one large answer.
    side_by_side: usize,
    large: Arc<Semaphore>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            answer: 64 * MIB,
            error: 8 * MIB,
            line: 8 * MIB,
            side_by_side: 2 * MIB,
            large: Arc::new(Semaphore::new(1)),
        }
    }
}

impl<S> Layer<S> for Bounds {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            bounds: self.clone(),
        }
    }
}

/// A service whose answers fit into memory.
pub(super) struct Bounded<S> {
    inner: S,
    bounds: Bounds,
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Box<DynBody>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let streams = is_watch(&request);
        let answer = self.inner.call(request);
        let bounds = self.bounds.clone();
        Box::pin(async move {
            let (head, body) = answer.await?.into_parts();
            let body: Box<DynBody> = match (head.status.is_success(), streams) {
                (true, true) => Box::new(Lines::new(body, bounds.line)),
                (true, false) => Box::new(Whole::new(body, &bounds, Over::Fails)?),
                (false, _) => Box::new(Whole::new(body, &bounds, Over::Ends)?),
            };
            Ok(Response::from_parts(head, body))
        })
    }
}

/// What happens where an answer is larger than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Fails,
    Ends,
}

/// An answer that is kept whole.
struct Whole {
    body: Box<DynBody>,
    over: Over,
    limit: usize,
    read: usize,
    side_by_side: usize,
    large: PollSemaphore,
    /// Its turn to be large.
    turn: Option<OwnedSemaphorePermit>,
}

impl Whole {
    fn new(body: Box<DynBody>, bounds: &Bounds, over: Over) -> Result<Self, AnswerTooLarge> {
        let limit = match over {
            Over::Fails => bounds.answer,
            Over::Ends => bounds.error,
        };
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if over == Over::Fails && announced > limit {
            return Err(AnswerTooLarge::Answer { limit });
        }
        Ok(Self {
            body,
            over,
            limit,
            read: 0,
            side_by_side: bounds.side_by_side,
            large: PollSemaphore::new(Arc::clone(&bounds.large)),
            turn: None,
        })
    }
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.read > self.side_by_side && self.turn.is_none() {
            // It is never closed; if it were, reading on would be right.
            self.turn = ready!(self.large.poll_acquire(context));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.read += frame.data_ref().map_or(0, Bytes::len);
        }
        Poll::Ready(match self.over {
            Over::Fails if self.read > self.limit => {
                let limit = self.limit;
                Some(Err(AnswerTooLarge::Answer { limit }.into()))
            }
            Over::Ends if self.read > self.limit => None,
            Over::Fails | Over::Ends => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A watch, of which a line is kept at a time.
struct Lines {
    body: Box<DynBody>,
    limit: usize,
    /// Bytes of the line that has not ended yet.
    line: usize,
}

impl Lines {
    fn new(body: Box<DynBody>, limit: usize) -> Self {
        Self {
            body,
            limit,
            line: 0,
        }
    }

    /// Counts what has come; is a line too long?
    fn too_long(&mut self, data: &[u8]) -> bool {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.line += part.len();
            if self.line > self.limit {
                return true;
            }
            if part.ends_with(b"\n") {
                self.line = 0;
            }
        }
        false
    }
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let data = match &frame {
            Some(Ok(frame)) => frame.data_ref().cloned().unwrap_or_default(),
            Some(Err(_)) | None => Bytes::new(),
        };
        if self.too_long(&data) {
            let limit = self.limit;
            return Poll::Ready(Some(Err(AnswerTooLarge::Line { limit }.into())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{StreamExt as _, pin_mut, stream};
    use http::StatusCode;
    use http_body_util::{BodyExt as _, StreamBody};
    use kube::{Client, api::WatchEvent};
    use serde_json::Value;

    use super::*;
    use crate::failure::{self, Kind, Reason, Transience};

    fn small() -> Bounds {
        Bounds {
            answer: 100,
            error: 50,
            line: 60,
            side_by_side: 20,
            large: Arc::new(Semaphore::new(1)),
        }
    }

    /// A client of a server that sends these pieces, one after the other, and counts them.
    fn client(code: u16, pieces: Vec<String>) -> (Client, Arc<AtomicUsize>) {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let service = tower::service_fn(move |_: Request<Body>| {
            let counted = Arc::clone(&counted);
            let frames = stream::iter(pieces.clone()).map(move |piece| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok::<_, BoxError>(Frame::data(Bytes::from(piece)))
            });
            let body: Box<DynBody> = Box::new(StreamBody::new(frames));
            let mut answer = Response::new(body);
            *answer.status_mut() = StatusCode::from_u16(code).unwrap();
            async { Ok::<_, BoxError>(answer) }
        });
        (Client::new(small().layer(service), "default"), sent)
    }

    fn get(path: &str) -> Request<Vec<u8>> {
        Request::get(path).body(Vec::new()).unwrap()
    }

    /// Ten bytes a piece.
    fn pieces(count: usize) -> Vec<String> {
        vec!["x".repeat(10); count]
    }

    #[tokio::test]
    async fn an_answer_without_end_is_given_up() {
        let (client, sent) = client(200, pieces(1000));
        let error = client.request_text(get("/version")).await.unwrap_err();
        let failure = failure::from_kube(&error, "ask");
        assert_eq!(
            (failure.kind, failure.reason),
            (Kind::Incomplete, Reason::AnswerTooLarge),
            "{failure}"
        );
        assert_eq!(failure::transience(&error), Transience::Permanent);
        assert!(sent.load(Ordering::Relaxed) <= 12, "{sent:?}");
    }

    #[tokio::test]
    async fn an_answer_that_fits_is_read_whole() {
        let (client, _) = client(200, pieces(10));
        let text = client.request_text(get("/version")).await.unwrap();
        assert_eq!(text.len(), 100);
    }

    #[tokio::test]
    async fn an_error_without_end_is_what_its_code_says() {
        for (code, kind) in [(403, Kind::Denied), (500, Kind::Unreachable)] {
            let (client, sent) = client(code, pieces(1000));
            let error = client.request_text(get("/version")).await.unwrap_err();
            assert_eq!(failure::from_kube(&error, "ask").kind, kind);
            assert!(sent.load(Ordering::Relaxed) <= 7, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn an_announced_size_is_enough() {
        let body: Box<DynBody> =
            Box::new(http_body_util::Full::new(Bytes::from(vec![0; 101])).map_err(BoxError::from));
        assert!(Whole::new(body, &small(), Over::Fails).is_err());
    }

    /// One that is being read and is large already keeps others small, and they are read when it has ended.
    #[tokio::test]
    async fn one_answer_is_large_at_a_time() {
        let bounds = small();
        let answer = || {
            let frames = stream::iter(pieces(8)).map(|piece| Ok(Frame::data(Bytes::from(piece))));
            let body: Box<DynBody> = Box::new(StreamBody::new(frames));
            Whole::new(body, &bounds, Over::Fails).unwrap()
        };
        let (mut first, mut second) = (answer(), answer());
        for _ in 0..5 {
            first.frame().await.unwrap().unwrap();
        }
        for _ in 0..3 {
            second.frame().await.unwrap().unwrap();
        }
        let waiting = second.collect();
        pin_mut!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert_eq!(first.collect().await.unwrap().to_bytes().len(), 30);
        assert_eq!(waiting.await.unwrap().to_bytes().len(), 50);
    }

    #[tokio::test]
    async fn a_watch_may_be_long_and_its_lines_may_not() {
        let line = "{\"type\":\"ADDED\",\"object\":{}}\n";
        let watch = || get("/apis/x?watch=true");
        let (client, _) = client(200, vec![line.repeat(2); 100]);
        let events = client.request_events::<Value>(watch()).await.unwrap();
        assert_eq!(events.count().await, 200);

        let endless = [vec![line.to_owned(), "{\"type\":".to_owned()], pieces(1000)].concat();
        let (client, sent) = self::client(200, endless);
        let events = client.request_events::<Value>(watch()).await.unwrap();
        pin_mut!(events);
        assert!(matches!(
            events.next().await,
            Some(Ok(WatchEvent::Added(_)))
        ));
        let Some(Err(error)) = events.next().await else {
            panic!("a line without end has come to its end");
        };
        let failure = failure::from_kube(&error, "watch");
        assert_eq!(failure.reason, Reason::AnswerTooLarge);
        assert!(sent.load(Ordering::Relaxed) <= 8, "{sent:?}");
    }
}
