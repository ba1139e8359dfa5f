//! What a registry wants to know of us: the header `WWW-Authenticate`. See RFC 9110, section 11.6.1,
//! and the distribution project's "Token Authentication Specification".

use anyhow::{Context, Result, bail};

/// How a registry wants to know who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By a name and a password with each request.
    Basic,
    /// By a token, which a service gives for a name and a password, or to anybody.
    Bearer {
        /// The service's address.
        realm: String,
        /// What the service is to know the registry by.
        service: Option<String>,
    },
}

impl Challenge {
    /// The first that we know of what the header says.
    pub fn parse(header: &str) -> Result<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Ok(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            bail!("it wants to know who we are by {scheme:?}, which is not known here");
        }
        let parameters = parameters(rest);
        let get = |wanted: &str| {
            let found = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        let realm = get("realm").context("it wants a token and does not say whose")?;
        Ok(Self::Bearer { realm, service: get("service") })
    }
}

/// `a="b, c",d=e`.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_string(), &after[end..])
            }
        };
        parameters.push((name.trim().to_string(), value));
        rest = after.trim_start_matches([' ', ',']);
    }
    parameters
}

/// The text up to the closing quotation mark, and what is after that.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) }
    }

    #[rstest]
    #[case("Basic realm=\"x\"", Challenge::Basic)]
    #[case("basic", Challenge::Basic)]
    #[case("Bearer realm=\"https://a/t\",service=\"s\"", bearer("https://a/t", Some("s")))]
    #[case("bearer service=s, realm=https://a/t", bearer("https://a/t", Some("s")))]
    #[case("Bearer realm=\"a,b=\\\"c\\\"\" , scope=\"x\"", bearer("a,b=\"c\"", None))]
    #[case("Bearer realm=\"open", bearer("open", None))]
    fn challenges_are_understood(#[case] header: &str, #[case] challenge: Challenge) {
        assert_eq!(Challenge::parse(header).expect(header), challenge);
    }

    #[rstest]
    fn nothing_else_is_one(
        #[values("", "Bearer", "Bearer service=x", "Negotiate a")] header: &str,
    ) {
        Challenge::parse(header).expect_err(header);
    }
}
