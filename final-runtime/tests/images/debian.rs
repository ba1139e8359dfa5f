//! A real distribution, made by its own tool.

use std::{
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::Result;
use conformance::{Sandbox, expect};

use crate::{
    others::tool,
    scene::{run, said},
};

/// Where Debian's packages are.
const MIRROR: &str = "deb.debian.org";

/// Why it is not reached, if it is not.
pub fn mirror() -> Option<String> {
    let reached = (MIRROR, 80).to_socket_addrs().ok().and_then(|mut all| {
        all.find(|address| TcpStream::connect_timeout(address, Duration::from_secs(5)).is_ok())
    });
    let proxy = std::env::var_os("http_proxy").is_some();
    (reached.is_none() && !proxy).then(|| format!("needs {MIRROR}"))
}

pub fn debian_is_imported_and_run(sandbox: &Sandbox) -> Result<()> {
    let dir = sandbox.dir();
    let packages = "--include=base-files,base-passwd,busybox-static";
    let mirror = format!("http://{MIRROR}/debian");
    tool(dir, "mmdebstrap", &["--variant=extract", packages, "bookworm", "debian.tar", &mirror])?;
    let archive = dir.join("debian.tar").display().to_string();
    let change = r#"ENTRYPOINT ["/bin/busybox"]"#;
    said(sandbox, &["import", "--change", change, &archive, "debian:12"])?;
    for driver in ["overlay", "vfs"] {
        let flags = ["--storage-driver", driver, "--rm", "debian:12", "cat", "/etc/debian_version"];
        let version = run(sandbox, &flags).output()?.success()?.stdout();
        expect::that("it is Debian 12", version.starts_with("12."), &version, "")?;
    }
    Ok(())
}
