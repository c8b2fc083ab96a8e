//! Addresses as people write them: of the API server, and of the proxy on the way to it. What kube and the layers below
//! take for granted of them is checked here.

use std::net::Ipv6Addr;

use http::{Uri, uri::PathAndQuery};

/// Longer ones are no addresses. Together with the longest request ([`super::timeout`]) it stays within what
/// [`Uri`] can hold.
const LONGEST: usize = 8 * 1024;

/// The address of the API server. Without a scheme it is the one that client-go takes (`rest.DefaultServerURL`): https,
/// where the kubeconfig says anything about TLS; else http.
///
/// # Errors
/// What it is instead, as the end of a sentence. It is not quoted: it may hold a password.
pub(super) fn server(text: &str, speaks_tls: bool) -> Result<Uri, &'static str> {
    const LARGE_PORT: &str = "the server of its cluster has a port above 65535";
    const NONE: &str =
        "the server of its cluster is no URL such as https://HOST:PORT, and no HOST:PORT either";
    let bare = || {
        let scheme = if speaks_tls { "https" } else { "http" };
        let url = usable(&format!("{scheme}://{text}"))?;
        // As client-go: a path is only taken behind a scheme.
        matches!(url.path(), "" | "/").then_some(url)
    };
    let url = usable(text).or_else(bare);
    let url = url.ok_or(if has_large_port(text) {
        LARGE_PORT
    } else {
        NONE
    })?;
    match url.scheme_str() {
        Some("http" | "https") => Ok(url),
        Some(_) | None => Err("the server of its cluster has another scheme than http and https"),
    }
}

/// The address of a proxy: without a scheme it speaks HTTP, and every SOCKS proxy resolves names.
pub(super) fn proxy(text: &str) -> Result<Uri, &'static str> {
    let url = match text.split_once("://") {
        None => usable(&format!("http://{text}")),
        Some(("socks5h", rest)) => usable(&format!("socks5://{rest}")),
        Some(_) => usable(text),
    };
    url.ok_or("its proxy-url, or HTTPS_PROXY, is not a URL")
}

/// Is all that is wrong with it a number that is too large for a port?
fn has_large_port(text: &str) -> bool {
    let (_, place) = text.split_once("://").unwrap_or(("", text));
    let (place, _) = place.split_once('/').unwrap_or((place, ""));
    place.rsplit_once(':').is_some_and(|(host, port)| {
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        !host.is_empty() && is_number && port.parse::<u16>().is_err()
    })
}

/// A whole URL: with a scheme, a host, and a port that is one.
fn usable(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok().filter(|_| text.len() <= LONGEST)?;
    url.scheme_str()?;
    let authority = url.authority()?.as_str();
    let (_, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<Ipv6Addr>().ok()?;
            (
                address,
                port.strip_prefix(':').or(port.is_empty().then_some(""))?,
            )
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let is_port = port.is_empty() || port.parse::<u16>().is_ok();
    (!host.is_empty() && is_port).then_some(url)
}

/// The address as it may be shown: user information in a URL is a credential, and so may be a query.
pub(super) fn shown(url: &Uri) -> String {
    let authority = url.authority().map_or("", http::uri::Authority::as_str);
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let scheme = url.scheme_str().unwrap_or("https");
    let path = url.path_and_query().map_or("", PathAndQuery::path);
    format!("{scheme}://{place}{}", path.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_credentials() {
        for (url, expected) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://eve:hunter2@host:443/", "https://host:443"),
            (
                "https://eve:hunt@er2@host:443/?token=hunter2",
                "https://host:443",
            ),
            ("http://[::1]:8080/k8s/c-1", "http://[::1]:8080/k8s/c-1"),
        ] {
            assert_eq!(
                server(url, true).map(|url| shown(&url)).as_deref(),
                Ok(expected)
            );
        }
    }

    #[test]
    fn a_server_is_taken_as_kubectl_takes_it() {
        for (text, speaks_tls, expected) in [
            (
                "https://10.0.0.1:6443",
                false,
                Some("https://10.0.0.1:6443/"),
            ),
            ("HTTPS://host", true, Some("https://host/")),
            (
                "https://host/k8s/clusters/c-1",
                true,
                Some("https://host/k8s/clusters/c-1"),
            ),
            ("localhost:8080", false, Some("http://localhost:8080/")),
            ("10.0.0.1:6443", true, Some("https://10.0.0.1:6443/")),
            ("localhost", true, Some("https://localhost/")),
            ("[fd00::1]:6443", true, Some("https://[fd00::1]:6443/")),
            ("host:", true, Some("https://host:/")),
            ("localhost:8080/api", false, None),
            ("mailto:x", true, None),
            ("ftp://host", true, None),
            ("unix:///run/x.sock", true, None),
            ("https://", true, None),
            ("https://:6443", true, None),
            ("https://eve@", true, None),
            ("https://eve@:6443", true, None),
            ("https://host:99999", true, None),
            ("https://host:port", true, None),
            ("https://[fd00::1", true, None),
            ("https://[host]:1", true, None),
            ("https://[fd00::1]x:1", true, None),
            ("https://ho st", true, None),
            (" https://host", true, None),
            ("https://host\n", true, None),
            ("/", true, None),
            ("", true, None),
        ] {
            let found = server(text, speaks_tls).ok().map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
        assert!(server(&format!("https://host/{}", "x".repeat(65_000)), true).is_err());
        for (text, large) in [
            ("https://host:65536", true),
            ("https://host:99999/path", true),
            ("[fd00::1]:123456789012", true),
            ("host:70000", true),
            ("https://host:port", false),
            ("https://:99999", false),
            ("ftp//host", false),
        ] {
            let why = server(text, true).unwrap_err();
            assert_eq!(why.contains("above 65535"), large, "{text}: {why}");
        }
    }

    #[test]
    fn a_proxy_is_taken_as_people_write_it() {
        for (text, expected) in [
            ("proxy:3128", Some("http://proxy:3128/")),
            (
                "eve:hunter2@proxy:3128",
                Some("http://eve:hunter2@proxy:3128/"),
            ),
            ("https://proxy", Some("https://proxy/")),
            ("socks5h://proxy:1080", Some("socks5://proxy:1080/")),
            ("gopher://proxy", Some("gopher://proxy/")),
            ("http://proxy:port", None),
            ("http://", None),
            ("a b", None),
            ("", None),
        ] {
            let found = proxy(text).ok().map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?}");
        }
    }
}
