//! Proxies on the way to the API server: by HTTP, TLS and SOCKS, by the kubeconfig and by the environment.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::{Failed, Trial};
use tokio::net::{TcpListener, TcpStream};

use super::{SECRET, STATUS, cluster, equal, without_secrets};
use crate::{
    connect_proxy::ConnectProxy,
    faults::{Authority, Proxy, ProxyOptions, Script, acceptor},
    test_cluster::{TestCluster, runtime},
};

pub fn trials() -> Vec<Trial> {
    tests!["identity": the_way_leads_through_a_proxy, the_way_to_a_proxy_is_secured]
}

fn the_way_leads_through_a_proxy() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let names = vec!["127.0.0.1".to_owned(), "kubernetes.invalid".to_owned()];
    let server = Proxy::with(
        &test_cluster,
        ProxyOptions {
            names,
            ..ProxyOptions::default()
        },
    );
    let way = ConnectProxy::toward(server.address(), "eve", &format!("{SECRET}@"));
    let toward = |url: String| server.edit(|kubeconfig| cluster(kubeconfig).proxy_url = Some(url));
    // By the kubeconfig, also to this very machine.
    for scheme in ["http", "socks5", "socks5h"] {
        let before = way.asked().len();
        toward(format!("{scheme}://eve:{SECRET}%40@{}", way.address()));
        without_secrets(&server.bmctl(&STATUS).exits(0)?)?;
        let asked = way.asked().split_off(before);
        equal(
            &asked.iter().all(|to| *to == server.address().to_string()),
            &true,
        )?;
        equal(&asked.is_empty(), &false)?;
        toward(format!("{scheme}://eve:{SECRET}@{}", way.address()));
        let ended = server
            .bmctl(&STATUS)
            .exits(10)?
            .says("the proxy did not connect us")?;
        without_secrets(&ended)?;
    }
    toward(format!("gopher://{}", way.address()));
    server
        .bmctl(&STATUS)
        .exits(2)?
        .says("\"gopher\" is not supported")?;
    // By the environment, to another machine; a server that no DNS knows is found by the proxy.
    server.edit(|kubeconfig| {
        cluster(kubeconfig).proxy_url = None;
        cluster(kubeconfig).server = Some("https://kubernetes.invalid:6443".to_owned());
    });
    let proxied = |exceptions: &str| {
        let mut command = server.bmctl_command(&STATUS);
        let url = format!("eve:{SECRET}%40@{}", way.address());
        command.env("HTTPS_PROXY", url).env("NO_PROXY", exceptions);
        crate::test_cluster::finish(command, "bmctl", &STATUS, "")
    };
    without_secrets(&proxied("example.com").exits(0)?)?;
    equal(
        &way.asked().last().cloned().unwrap_or_default(),
        &"kubernetes.invalid:6443".to_owned(),
    )?;
    // Without it, the server's name is not known.
    for (exceptions, around) in [
        ("invalid", true),
        (".invalid", true),
        ("*", true),
        ("10.0.0.0/8, KUBERNETES.INVALID", true),
        ("kubernetes.invalid:6443", true),
        ("kubernetes.invalid:443", false),
        ("ernetes.invalid", false),
        ("10.0.0.0/8", false),
    ] {
        let ended = proxied(exceptions);
        if around {
            ended
                .exits(10)?
                .says("the name of the server is not known")?;
        } else {
            ended.exits(0)?;
        }
    }
    Ok(())
}

/// A proxy of `https://`: who it is must be certified, as the server must.
fn the_way_to_a_proxy_is_secured() -> Result<(), Failed> {
    let test_cluster = TestCluster::enabled()?;
    let server = Proxy::before(&test_cluster, Script::none());
    let way = ConnectProxy::toward(server.address(), "eve", SECRET);
    let authority = Authority::new("proxies");
    let secured = secured(&authority, way.address());
    server.edit(|kubeconfig| {
        let url = format!("https://eve:{SECRET}@{secured}");
        cluster(kubeconfig).proxy_url = Some(url);
    });
    let ended = server.bmctl(&STATUS).exits(10)?.says("UnknownIssuer")?;
    without_secrets(&ended)?;
    equal(&way.asked().len(), &0)?;
    server.edit(|kubeconfig| {
        let cluster = cluster(kubeconfig);
        let known = cluster.certificate_authority_data.take().unwrap();
        let mut all = STANDARD.decode(known).unwrap();
        all.extend(authority.pem().into_bytes());
        cluster.certificate_authority_data = Some(STANDARD.encode(all));
    });
    without_secrets(&server.bmctl(&STATUS).exits(0)?)?;
    let to_server = server.address().to_string();
    equal(&way.asked().iter().all(|to| *to == to_server), &true)?;
    equal(&way.asked().is_empty(), &false)
}

/// Ends TLS before that address.
fn secured(authority: &Authority, behind: SocketAddr) -> SocketAddr {
    let tls = acceptor(authority, &["127.0.0.1".to_owned()], None);
    let listener = runtime()
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    runtime().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let (Ok(mut from), Ok(mut to)) =
                    (tls.accept(stream).await, TcpStream::connect(behind).await)
                else {
                    return;
                };
                // That a connection ends is no failure of ours.
                drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
            });
        }
    });
    address
}
