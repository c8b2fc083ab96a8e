//! Which proxy leads to a server, as Go's programs and so kubectl decide it (golang.org/x/net/http/httpproxy).
//!
//! kube reads the same variables, but compares `NO_PROXY` with the address of the proxy instead of the server's, and
//! asks the proxy for this very machine.

use std::{env, fmt, net::IpAddr};

use http::Uri;

use super::address;

/// What the environment says about proxies.
#[derive(Clone, Default)]
pub struct Proxies {
    /// `HTTPS_PROXY`: the way to servers that speak TLS.
    pub https: Option<String>,
    /// `HTTP_PROXY`: the way to servers that do not.
    pub http: Option<String>,
    /// `NO_PROXY`: hosts, domains, networks that are reached without it.
    pub exceptions: String,
}

/// The addresses may have passwords in them.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

impl Proxies {
    pub(in crate::cluster) fn of_process() -> Self {
        let variable = |names: [&str; 2]| {
            names
                .into_iter()
                .filter_map(|name| env::var(name).ok())
                .find(|value| !value.is_empty())
        };
        Self {
            https: variable(["HTTPS_PROXY", "https_proxy"]),
            http: variable(["HTTP_PROXY", "http_proxy"]),
            exceptions: variable(["NO_PROXY", "no_proxy"]).unwrap_or_default(),
        }
    }

    /// The way to this server: by the proxy that the kubeconfig names, else by ours.
    pub(super) fn way(&self, own: Option<&str>, server: &Uri) -> Result<Option<Uri>, &'static str> {
        own.or_else(|| self.toward(server))
            .map(address::proxy)
            .transpose()
    }

    /// The proxy for this server, where the kubeconfig names none.
    fn toward(&self, server: &Uri) -> Option<&str> {
        let host = server.host()?.trim_matches(['[', ']']);
        let (proxy, usual) = match server.scheme_str() {
            Some("http") => (&self.http, 80),
            Some(_) | None => (&self.https, 443),
        };
        let port = server.port_u16().unwrap_or(usual);
        let direct = is_this_machine(host)
            || self
                .exceptions
                .split(',')
                .any(|exception| matches(exception.trim(), host, port));
        proxy.as_deref().filter(|_| !direct)
    }
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// One entry of `NO_PROXY`: `*`, an address, a network, a host with its subdomains, or `.domain` for these alone; all
/// but networks with an optional port.
fn matches(exception: &str, host: &str, port: u16) -> bool {
    if exception == "*" {
        return true;
    }
    let address: Option<IpAddr> = host.parse().ok();
    if let (Some((network, bits)), Some(address)) = (exception.split_once('/'), address) {
        return within(address, network, bits);
    }
    let (name, wanted) = split_port(exception);
    if name.is_empty() || wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Some(address) = address {
        return name.parse() == Ok(address);
    }
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    let domain = name.strip_prefix('*').unwrap_or(&name);
    match domain.strip_prefix('.') {
        Some(_) => host.ends_with(domain),
        None => host == domain || host.ends_with(&format!(".{domain}")),
    }
}

/// `host:port`; the colons of a bare IPv6 address are no port's.
fn split_port(text: &str) -> (&str, Option<u16>) {
    if text.parse::<IpAddr>().is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((host, port)) => match port.parse() {
            Ok(port) => (host.trim_matches(['[', ']']), Some(port)),
            Err(_) => (text, None),
        },
        None => (text.trim_matches(['[', ']']), None),
    }
}

fn within(address: IpAddr, network: &str, bits: &str) -> bool {
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    let same_head = |one: u128, other: u128, width: u32| {
        bits <= width && (bits == 0 || (one ^ other) >> (width - bits) == 0)
    };
    match (address, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            same_head(one.to_bits().into(), other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => same_head(one.to_bits(), other.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_servers_have_a_proxy_of_their_own() {
        let proxies = Proxies {
            https: Some("https".to_owned()),
            http: Some("http".to_owned()),
            exceptions: String::new(),
        };
        for (server, expected) in [("http://c1:8080", "http"), ("https://c1", "https")] {
            assert_eq!(proxies.toward(&server.parse().unwrap()), Some(expected));
        }
    }

    #[test]
    fn the_proxy_is_asked_unless_an_exception_says_otherwise() {
        for (exceptions, server, proxied) in [
            ("", "https://10.0.0.1:6443", true),
            ("", "https://127.0.0.1:6443", false),
            ("", "https://localhost:6443", false),
            ("", "https://[::1]:6443", false),
            ("*", "https://10.0.0.1:6443", false),
            ("10.0.0.1", "https://10.0.0.1:6443", false),
            ("10.0.0.1:443", "https://10.0.0.1:6443", true),
            ("10.0.0.1:6443", "https://10.0.0.1:6443", false),
            ("10.0.0.0/8", "https://10.0.0.1:6443", false),
            ("10.0.0.0/8", "https://11.0.0.1:6443", true),
            ("0.0.0.0/0", "https://11.0.0.1:6443", false),
            ("10.0.0.0/33", "https://10.0.0.1:6443", true),
            ("fd00::/8", "https://[fd12::1]:6443", false),
            ("[fd12::1]:6443", "https://[fd12::1]:6443", false),
            ("fd12::1", "https://[fd12::1]:6443", false),
            ("other, example.com", "https://example.com", false),
            ("example.com", "https://API.example.com", false),
            ("example.com", "https://notexample.com", true),
            (".example.com", "https://api.example.com", false),
            (".example.com", "https://example.com", true),
            ("*.example.com", "https://api.example.com", false),
            ("example.com:443", "https://example.com", false),
            (",,", "https://example.com", true),
        ] {
            let proxies = Proxies {
                https: Some("http://proxy.example.com:3128".to_owned()),
                http: None,
                exceptions: exceptions.to_owned(),
            };
            let found = proxies.toward(&server.parse().unwrap());
            assert_eq!(found.is_some(), proxied, "{exceptions:?} {server}");
        }
    }
}
