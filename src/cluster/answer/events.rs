//! The lines of a watch, each looked at before it is handed on. One that is not what was asked for ends the watch.

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _, stream};
use tower::BoxError;

use super::{body, question::Question};

/// The same bytes, in whole lines.
pub(super) fn checked<E: Into<BoxError>>(
    asked: Question,
    data: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    let lines = Lines {
        data,
        asked,
        unfinished: BytesMut::new(),
    };
    stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        match lines.next().await {
            Ok(Some(part)) => Some((Ok(part), Some(lines))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Lines<D> {
    data: D,
    asked: Question,
    /// The beginning of a line.
    unfinished: BytesMut,
}

impl<D, E> Lines<D>
where
    D: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BoxError>,
{
    async fn next(&mut self) -> Result<Option<Bytes>, BoxError> {
        while let Some(data) = self.data.next().await {
            let data = data.map_err(Into::into)?;
            let known = self.unfinished.len();
            self.unfinished.extend_from_slice(&data);
            let Some(end) = data.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let whole = self.unfinished.split_to(known + end + 1).freeze();
            for line in whole.split(|byte| *byte == b'\n') {
                self.check(line)?;
            }
            return Ok(Some(whole));
        }
        // kube reads a last line also where nothing ends it, unless it breaks off.
        let last = self.unfinished.split().freeze();
        if serde_json::from_slice::<serde::de::IgnoredAny>(&last).is_ok() {
            self.check(&last)?;
        }
        Ok(Some(last).filter(|last| !last.is_empty()))
    }

    fn check(&self, line: &[u8]) -> Result<(), BoxError> {
        if !line.trim_ascii().is_empty() {
            body::check_event(&self.asked, line)?;
        }
        Ok(())
    }
}
