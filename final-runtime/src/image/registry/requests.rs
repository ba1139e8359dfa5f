//! One request to a registry: who we are, where it is sent on to, and trying again.

use std::{
    env, fmt, fs,
    io::{ErrorKind, Read},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use serde::Deserialize;
use ureq::{
    Agent, Body,
    http::{self, StatusCode, Uri, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{
    address::{Address, is_loopback},
    challenge::Challenge,
    credentials::Credentials,
};

/// How often a request is tried in all, and how long is waited at most in between.
const TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// As many redirections as are followed.
const MOST_HOPS: usize = 5;

/// How long a connection may take, an answer to begin, and more of it to come.
const CONNECT: Duration = Duration::from_secs(15);
const ANSWER: Duration = Duration::from_secs(60);
const READ: Duration = Duration::from_secs(60);

/// The largest token, and the largest error, in bytes.
const LARGEST_TOKEN: u64 = 1 << 16;
const LARGEST_ERROR: u64 = 1 << 12;

/// Where a host's own certificates are, on the usual systems.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What is asked for.
pub struct Ask {
    /// Beginning with `/v2/`.
    pub path: String,
    /// The header `Accept`.
    pub accept: Option<String>,
    /// The first byte that is wanted.
    pub from: u64,
}

/// A registry that is spoken to, and who we are to it. Several threads may ask at once.
pub struct Session {
    agent: Agent,
    address: Address,
    /// `https` or `http`.
    scheme: &'static str,
    scope: String,
    credentials: Option<Credentials>,
    /// The header `Authorization`, once it is known what the registry wants.
    authorization: Mutex<Option<String>>,
}

impl Session {
    /// Finds out how the registry is to be spoken to. One that need not speak HTTPS is tried to all
    /// the same.
    pub fn connect(
        address: Address,
        scope: String,
        credentials: Option<Credentials>,
    ) -> Result<Self> {
        let agent = agent(&address)?;
        let (scheme, authorization) = ("https", Mutex::default());
        let mut session = Self { agent, address, scheme, scope, credentials, authorization };
        let named = format!("registry {}", session.address.host);
        let ask = Ask { path: "/v2/".into(), accept: None, from: 0 };
        if session.address.insecure
            && let Err(error) = session.once(&session.url(&ask.path)?, &ask, None)
        {
            session.scheme = "http";
            // Of two errors the one of the way that it should be spoken to.
            let plain = session.once(&session.url(&ask.path)?, &ask, None);
            if plain.is_err() && !session.address.loopback {
                return Err(error).context(named);
            }
        }
        let response = session.get(&ask).context(named.clone())?;
        match response.status() {
            StatusCode::OK => Ok(session),
            StatusCode::NOT_FOUND => bail!("{named}: there is no registry"),
            _ => Err(response.refusal().context(named)),
        }
    }

    /// Asks, as somebody if the registry wants to know who it is.
    pub fn get(&self, ask: &Ask) -> Result<Response> {
        let mut response = self.follow(ask)?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = response.header(header::WWW_AUTHENTICATE.as_str());
            let challenge = challenge.context("it refuses, and does not say what it wants")?;
            let authorization = self.answer(&Challenge::parse(&challenge)?)?;
            *self.authorization() = Some(authorization);
            response = self.follow(ask)?;
        }
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let who = match &self.credentials {
                Some(credentials) => format!("refused to {credentials:?}"),
                None => "refused to one without credentials (--creds, or an authfile)".into(),
            };
            return Err(response.refusal().context(who));
        }
        Ok(response)
    }

    /// Goes where it is sent to. Only the registry itself learns who we are, and from HTTPS nobody
    /// leads us to what is not encrypted.
    fn follow(&self, ask: &Ask) -> Result<Response> {
        let own = self.url(&ask.path)?;
        let mut url = own.clone();
        for _ in 0..=MOST_HOPS {
            let known = same_place(&url, &own).then(|| self.authorization().clone()).flatten();
            let response = self.patiently(&url, ask, known.as_deref())?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = response.header(header::LOCATION.as_str());
            let location = location.context("it sends us on, and does not say where")?;
            url = elsewhere(&url, &location)?;
            let encrypted = url.scheme_str() == Some("https");
            ensure!(encrypted || self.address.insecure, "it sends us to {url}, without encryption");
        }
        bail!("it sends us on more than {MOST_HOPS} times")
    }

    /// Tries again what may go better later.
    fn patiently(&self, url: &Uri, ask: &Ask, authorization: Option<&str>) -> Result<Response> {
        let mut failures = 0;
        loop {
            let result = self.once(url, ask, authorization);
            failures += 1;
            let wait = match &result {
                Ok(response) if response.is_passing() => response.header("retry-after"),
                Err(error) if is_passing(error) => None,
                _ => return result.map_err(|error| anyhow!("{error}")),
            };
            if failures == TRIES {
                return result.map_err(|error| anyhow!("{error}"));
            }
            sleep(pause(failures, wait.and_then(|wait| wait.parse().ok())));
        }
    }

    fn once(
        &self,
        url: &Uri,
        ask: &Ask,
        authorization: Option<&str>,
    ) -> Result<Response, ureq::Error> {
        let mut request = self.agent.get(url.clone());
        if let Some(accept) = &ask.accept {
            request = request.header(header::ACCEPT, accept);
        }
        if ask.from > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", ask.from));
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.call().map(Response)
    }

    /// What to say to a registry that wants to know who we are.
    fn answer(&self, challenge: &Challenge) -> Result<String> {
        match challenge {
            Challenge::Basic => {
                let credentials = self.credentials.as_ref();
                let header = credentials.map(Credentials::header);
                header.context("it wants a name and a password (--creds, or an authfile)")
            }
            Challenge::Bearer { realm, service } => {
                let token = self.token(realm, service.as_deref());
                token.with_context(|| format!("asking {realm} for a token"))
            }
        }
    }

    fn token(&self, realm: &str, service: Option<&str>) -> Result<String> {
        let url: Uri = realm.parse().context("it is no address")?;
        let host = url.authority().context("it is no address")?.as_str();
        let encrypted = url.scheme_str() == Some("https");
        let plain = self.address.insecure || is_loopback(host);
        ensure!(encrypted || plain, "it is not encrypted");
        let mut request = self.agent.get(url).query("scope", &self.scope);
        if let Some(service) = service {
            request = request.query("service", service);
        }
        if let Some(credentials) = &self.credentials {
            request = request.header(header::AUTHORIZATION, credentials.header());
        }
        let mut response = Response(request.call().map_err(|error| anyhow!("{error}"))?);
        if response.status() != StatusCode::OK {
            return Err(response.refusal());
        }
        let token: Token = serde_json::from_slice(&response.read(LARGEST_TOKEN)?)?;
        let token = Some(token.token).filter(|token| !token.is_empty()).or(token.access_token);
        Ok(format!("Bearer {}", token.context("there is none in the answer")?))
    }

    fn authorization(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, path: &str) -> Result<Uri> {
        let (scheme, host) = (self.scheme, &self.address.host);
        format!("{scheme}://{host}{path}").parse().with_context(|| format!("address {host}"))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token {
    token: String,
    access_token: Option<String>,
}

/// What a registry answers.
#[derive(Debug)]
pub struct Response(http::Response<Body>);

impl Response {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// One of its headers.
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.headers().get(name)?.to_str().ok().map(String::from)
    }

    /// All of its bytes, which are not to be more than `most`.
    pub fn read(&mut self, most: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let count = self.0.body_mut().as_reader().take(most + 1).read_to_end(&mut bytes)?;
        ensure!(count as u64 <= most, "it is larger than {most} bytes");
        Ok(bytes)
    }

    /// Its bytes, as they come.
    pub fn into_reader(self) -> Box<dyn Read + Send> {
        Box::new(self.0.into_body().into_reader())
    }

    /// The error that it is, as the registry tells it.
    pub fn refusal(mut self) -> Error {
        let status = self.status();
        let mut text = Vec::new();
        let _ = self.0.body_mut().as_reader().take(LARGEST_ERROR).read_to_end(&mut text);
        match serde_json::from_slice::<Errors>(&text)
            .ok()
            .and_then(|all| all.errors.into_iter().next())
        {
            Some(error) => anyhow!("the registry answers {status}: {error}"),
            None => anyhow!("the registry answers {status}"),
        }
    }

    /// Whether it may be another one later.
    fn is_passing(&self) -> bool {
        let status = self.status();
        status == StatusCode::TOO_MANY_REQUESTS
            || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
    }
}

/// See the distribution specification, "Error Codes".
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Told>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    code: String,
    message: String,
}

/// It is a registry's, and is to be one line on a person's terminal.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = if self.message.is_empty() { &self.code } else { &self.message };
        let plain = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c });
        f.write_str(&plain.collect::<String>())
    }
}

/// Whether an error may be gone later.
fn is_passing(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::TimedOut
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

/// How long to wait after so many failures: as long as the registry asks for, or longer each time.
pub fn pause(failures: u32, asked: Option<u64>) -> Duration {
    let own = Duration::from_millis(250) * 2_u32.pow(failures.min(10));
    asked.map_or(own, Duration::from_secs).min(LONGEST_PAUSE)
}

fn same_place(a: &Uri, b: &Uri) -> bool {
    a.scheme() == b.scheme() && a.authority() == b.authority()
}

/// Where `location` leads that was said at `url`. See RFC 3986, section 5.2.
fn elsewhere(url: &Uri, location: &str) -> Result<Uri> {
    let bad = || format!("it sends us to {location:?}, which is no address");
    if location.starts_with("http://") || location.starts_with("https://") {
        return location.parse().with_context(bad);
    }
    ensure!(location.starts_with('/') && !location.starts_with("//"), bad());
    let (scheme, authority) = (url.scheme_str().unwrap_or("https"), url.authority());
    let authority = authority.with_context(bad)?;
    format!("{scheme}://{authority}{location}").parse().with_context(bad)
}

fn agent(address: &Address) -> Result<Agent> {
    let tls = TlsConfig::builder().disable_verification(address.insecure).root_certs(roots()?);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("final-runtime/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(READ));
    let config = if address.loopback { config.proxy(None) } else { config };
    Ok(config.build().into())
}

/// The host's own certificates, so that those of a company count too; without any, Mozilla's.
fn roots() -> Result<RootCerts> {
    let asked = env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty());
    let bundles = BUNDLES.iter().map(Path::new).find(|file| file.exists());
    let Some(file) = asked.as_ref().map(Path::new).or(bundles) else {
        return Ok(RootCerts::WebPki);
    };
    let bundle = fs::read(file).with_context(|| format!("image: reading {}", file.display()))?;
    let certificates: Vec<Certificate> = parse_pem(&bundle)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    Ok(RootCerts::Specific(Arc::new(certificates)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://b.x/c?d=e", Some("https://b.x/c?d=e"))]
    #[case("/c", Some("https://a.x:5/c"))]
    #[case("//b.x/c", None)]
    #[case("c", None)]
    #[case("", None)]
    #[case("file:///etc/passwd", None)]
    #[case("https://", None)]
    fn one_is_sent_on(#[case] location: &str, #[case] to: Option<&str>) {
        let url = "https://a.x:5/v2/".parse().expect("it is one");
        assert_eq!(elsewhere(&url, location).ok().map(|url| url.to_string()).as_deref(), to);
    }

    #[rstest]
    #[case("https://a.x/1", true)]
    #[case("http://a.x/1", false)]
    #[case("https://a.x:444/1", false)]
    #[case("https://b.x/1", false)]
    #[case("https://user@a.x/1", false)]
    fn credentials_are_for_one_place(#[case] url: &str, #[case] same: bool) {
        let (url, own) = (url.parse().expect(url), "https://a.x/v2/".parse().expect("it is one"));
        assert_eq!(same_place(&url, &own), same);
    }

    #[test]
    fn pauses_grow_and_end() {
        assert!(pause(1, None) < pause(2, None));
        assert_eq!((pause(30, None), pause(1, Some(9999))), (LONGEST_PAUSE, LONGEST_PAUSE));
        assert_eq!(pause(1, Some(2)), Duration::from_secs(2));
    }
}
