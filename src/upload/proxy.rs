//! The proxy on the way to a server. EDGE: reads the environment.

#![expect(clippy::disallowed_methods, reason = "EDGE: the environment")]

use hyper_util::client::proxy::matcher::Matcher;

/// The proxy that the environment names for this address (`HTTPS_PROXY`, `NO_PROXY` and the like), by the rule that `reqwest`
/// follows; without the name and the password for it.
pub fn proxy_for(address: &str) -> Option<String> {
    named(&Matcher::from_env(), address)
}

fn named(proxies: &Matcher, address: &str) -> Option<String> {
    let proxy = proxies.intercept(&address.parse().ok()?)?;
    let (scheme, host) = (proxy.uri().scheme_str().unwrap_or("http"), proxy.uri().host()?);
    let port = proxy.uri().port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_its_password_where_it_is_on_the_way() {
        let proxies = Matcher::builder().https("http://me:geheim@proxy.example:3128").no("inside.example").build();
        assert_eq!(named(&proxies, "https://api.example").as_deref(), Some("http://proxy.example:3128"));
        assert_eq!(named(&proxies, "https://inside.example"), None);
        assert_eq!(named(&proxies, "http://api.example"), None);
    }
}
