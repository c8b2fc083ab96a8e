//! Connections to a proxy that forwards each request, which hyper then writes with the whole address of the server
//! (RFC 9112, section 3.2.2). `hyper_util` has proxies that only make a way through.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower::Service;

/// Whichever server is asked for, the proxy is connected to.
#[derive(Clone)]
pub(super) struct Forwarder<C> {
    pub proxy: Uri,
    pub to_proxy: C,
}

impl<C> Service<Uri> for Forwarder<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
{
    type Response = ToProxy<C::Response>;
    type Error = C::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, C::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.to_proxy.poll_ready(context)
    }

    fn call(&mut self, _server: Uri) -> Self::Future {
        let connecting = self.to_proxy.call(self.proxy.clone());
        Box::pin(async move { connecting.await.map(ToProxy) })
    }
}

/// A connection of which hyper knows that a proxy is at its end.
pub(super) struct ToProxy<S>(S);

impl<S: Connection> Connection for ToProxy<S> {
    fn connected(&self) -> Connected {
        self.0.connected().proxy(true)
    }
}

impl<S: Read + Unpin> Read for ToProxy<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: Write + Unpin> Write for ToProxy<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }
}
