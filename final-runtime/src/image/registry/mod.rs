//! Registries: images over HTTP. See the OCI distribution specification.
//!
//! What a registry says is not to be trusted, and neither is where it sends us: content is checked
//! against its digest, documents have a largest size, and what we are known by goes to nobody but
//! the registry and the service that it names for that.
//!
//! | file | subject |
//! | --- | --- |
//! | `mod.rs` | manifests and blobs |
//! | `requests.rs` | one request: where it is sent on to, and trying again |
//! | `challenge.rs` | what a registry wants to know of us |
//! | `credentials.rs` | what people have written down for that |
//! | `address.rs` | where a registry is, and whether it needs no encryption |

mod address;
mod challenge;
pub mod credentials;
mod requests;

use std::{
    io::{self, ErrorKind},
    thread::sleep,
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use ureq::http::{StatusCode, header};

use super::{
    digest::Digest,
    manifest::{Descriptor, LARGEST},
    media,
    reference::Reference,
    source::{Source, Stream},
};
use address::Address;
use credentials::Credentials;
use requests::{Ask, Response, Session, pause};

/// How many layers are brought in at once.
const AT_ONCE: usize = 3;

/// How often it is tried to go on with a layer from which nothing more has come.
const MOST_FAILURES: u32 = 5;

/// How to speak to a registry.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it must prove who it is, by a certificate.
    pub verify: bool,
    /// Who we are.
    pub credentials: Option<Credentials>,
}

/// One repository of a registry.
pub struct Registry {
    session: Session,
    repository: String,
}

impl Registry {
    /// Finds the registry of a reference, and how it is to be spoken to.
    pub fn connect(reference: &Reference, options: Options) -> Result<Self> {
        let scope = format!("repository:{}:pull", reference.repository);
        let address = Address::new(&reference.registry, options.verify);
        let session = Session::connect(address, scope, options.credentials)?;
        Ok(Self { session, repository: reference.repository.clone() })
    }

    /// The manifest or index that a reference means, and its bytes.
    pub fn resolve(&self, reference: &Reference) -> Result<(Descriptor, Vec<u8>)> {
        let digest = reference.digest.as_ref().map(ToString::to_string);
        let name =
            digest.or_else(|| reference.tag.clone()).context("neither a tag nor a digest")?;
        let (response, bytes) = self.manifest(&name)?;
        let digest = match &reference.digest {
            Some(digest) => digest.clone(),
            None => Digest::of(&bytes),
        };
        let announced = response.header("docker-content-digest");
        if let Some(announced) = announced.and_then(|text| text.parse::<Digest>().ok()) {
            let other = announced.algorithm() == digest.algorithm() && announced != digest;
            ensure!(!other, "manifest {name}: it was announced as {announced} and is {digest}");
        }
        let media_type = response.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        Ok((Descriptor::new(media_type, digest, bytes.len() as u64), bytes))
    }

    fn manifest(&self, name: &str) -> Result<(Response, Vec<u8>)> {
        let accept =
            [media::INDEX, media::DOCKER_LIST, media::MANIFEST, media::DOCKER_MANIFEST].join(", ");
        let ask = Ask { path: self.path("manifests", name), accept: Some(accept), from: 0 };
        let mut response = self.session.get(&ask).with_context(|| format!("manifest {name}"))?;
        match response.status() {
            StatusCode::OK => {
                let bytes = response.read(LARGEST).with_context(|| format!("manifest {name}"))?;
                Ok((response, bytes))
            }
            StatusCode::NOT_FOUND => bail!("the registry has no such image"),
            _ => Err(response.refusal().context(format!("manifest {name}"))),
        }
    }

    fn path(&self, kind: &str, name: &str) -> String {
        format!("/v2/{}/{kind}/{name}", self.repository)
    }
}

impl Source for Registry {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        Ok(self.manifest(&descriptor.digest.to_string())?.1)
    }

    fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Stream<'_>> {
        let path = self.path("blobs", &descriptor.digest.to_string());
        let response = self.session.get(&Ask { path, accept: None, from })?;
        let from = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => beginning(&response)?,
            StatusCode::NOT_FOUND => bail!("the registry does not have it"),
            _ => return Err(response.refusal()),
        };
        Ok(Stream { from, bytes: response.into_reader() })
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    /// What was broken off is gone on with; all else is told.
    fn again(&self, failures: u32, error: &Error) -> bool {
        let broken_off = error.downcast_ref::<io::Error>().is_some_and(|error| {
            !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        });
        if !broken_off || failures >= MOST_FAILURES {
            return false;
        }
        sleep(pause(failures, None));
        true
    }
}

/// Where the answer to a question for a part begins: `bytes 5-8/9`. See RFC 9110, section 14.4.
fn beginning(response: &Response) -> Result<u64> {
    let range = response.header(header::CONTENT_RANGE.as_str()).unwrap_or_default();
    let begin = range.strip_prefix("bytes ").and_then(|range| range.split('-').next());
    let begin = begin.and_then(|begin| begin.trim().parse().ok());
    begin.ok_or_else(|| anyhow!("it answers with a part, {range:?}, of which is not said which"))
}
