//! A proxy, by HTTP and by SOCKS 5, that connects whoever knows its password to one address, whatever was asked for.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
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
    if reader.fill_buf()?.first() == Some(&5) {
        let Some(target) = socks(&mut reader, client, known)? else {
            return Ok(());
        };
        asked.lock().unwrap().push(target);
        return carry(reader, client, server, b"\x05\x00\x00\x01\0\0\0\0\0\0");
    }
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
    carry(
        reader,
        client,
        server,
        b"HTTP/1.1 200 Connection established\r\n\r\n",
    )
}

/// What RFC 1928 and RFC 1929 have before a connection; where to, if the password is the right one.
fn socks(
    reader: &mut BufReader<TcpStream>,
    mut client: &TcpStream,
    known: &str,
) -> io::Result<Option<String>> {
    fn bytes(reader: &mut BufReader<TcpStream>, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
    fn text(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
        let length = bytes(reader, 1)?[0];
        let text = bytes(reader, length.into())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
    bytes(reader, 1)?;
    text(reader)?;
    client.write_all(&[5, 2])?;
    bytes(reader, 1)?;
    let (user, password) = (text(reader)?, text(reader)?);
    let right = format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))) == known;
    client.write_all(&[1, u8::from(!right)])?;
    if !right {
        return Ok(None);
    }
    let is_name = bytes(reader, 4)?[3] == 3;
    let host = if is_name {
        text(reader)?
    } else {
        let address: [u8; 4] = bytes(reader, 4)?.try_into().unwrap();
        std::net::Ipv4Addr::from(address).to_string()
    };
    let port = bytes(reader, 2)?;
    let port = u16::from_be_bytes([port[0], port[1]]);
    Ok(Some(format!("{host}:{port}")))
}

/// Says that it is connected, and carries on what comes.
fn carry(
    mut reader: BufReader<TcpStream>,
    mut client: &TcpStream,
    server: SocketAddr,
    connected: &[u8],
) -> io::Result<()> {
    let upstream = TcpStream::connect(server)?;
    client.write_all(connected)?;
    let (mut from, mut to) = (upstream.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut reader, &mut &upstream)?;
    upstream.shutdown(std::net::Shutdown::Both)
}
