//! An HTTP proxy that connects whoever knows its password to one address, whatever was asked for.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub struct ConnectProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    pub fn toward(server: SocketAddr, user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let known = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let seen = Arc::clone(&asked);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (known, seen) = (known.clone(), Arc::clone(&seen));
                // That a connection ends is no failure of ours.
                thread::spawn(move || drop(connect(&connection, server, &known, &seen)));
            }
        });
        Self { address, asked }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// To where connections were made.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn connect(
    client: &TcpStream,
    server: SocketAddr,
    known: &str,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let head: Vec<String> = io::Read::by_ref(&mut reader)
        .lines()
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<Result<_, _>>()?;
    let mut answer = client.try_clone()?;
    let authorized = head.iter().any(|line| {
        line.split_once(':').is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == known
        })
    });
    if !authorized {
        return answer
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    }
    let target = head[0].split(' ').nth(1).unwrap_or_default();
    asked.lock().unwrap().push(target.to_owned());
    let upstream = TcpStream::connect(server)?;
    answer.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from, mut to) = (upstream.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut reader, &mut &upstream)?;
    upstream.shutdown(std::net::Shutdown::Both)
}
