//! The two namespaces. See uts_namespaces(7), ipc_namespaces(7).

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test, expect};
use nix::sys::signal::{Signal, kill};

use super::scene::{IPC, UTS, outside, step01};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_names_are_its_own,
        each_name_can_be_set_alone,
        without_flags_the_names_are_the_hosts,
        two_namespaces_are_new_and_no_more,
        the_child_is_born_into_its_namespaces,
        a_name_changed_on_one_side_stays_there,
        ipc_objects_of_the_host_are_not_seen_inside,
        ipc_objects_of_the_container_are_not_seen_outside,
    }
}

fn the_names_are_its_own(sandbox: &Sandbox) -> Result<()> {
    let inside = step01(sandbox).args(["--hostname", "box", "--domainname", "yard"]).report()?;
    expect::equal("the host name inside", &inside["hostname"], "box", UTS)?;
    expect::equal("the domain name inside", &inside["domainname"], "yard", UTS)
}

fn each_name_can_be_set_alone(sandbox: &Sandbox) -> Result<()> {
    let host = outside(sandbox)?;
    for (flag, set, left) in
        [("--hostname", "hostname", "domainname"), ("--domainname", "domainname", "hostname")]
    {
        let inside = step01(sandbox).args([flag, "alone"]).report()?;
        expect::equal(
            &format!("the {set} inside, with {flag} alone,"),
            &inside[set],
            "alone",
            UTS,
        )?;
        expect::same(&format!("the {left}, with {flag} alone,"), &inside[left], &host[left], UTS)?;
    }
    Ok(())
}

fn without_flags_the_names_are_the_hosts(sandbox: &Sandbox) -> Result<()> {
    let (host, inside) = (outside(sandbox)?, step01(sandbox).report()?);
    for (part, flag) in [("hostname", "--hostname"), ("domainname", "--domainname")] {
        let what = format!("the {part} inside, without {flag},");
        expect::same(&what, &inside[part], &host[part], UTS)?;
    }
    Ok(())
}

// ANCHOR: two-namespaces
fn two_namespaces_are_new_and_no_more(sandbox: &Sandbox) -> Result<()> {
    let (host, inside) = (outside(sandbox)?, step01(sandbox).report()?);
    let (host, inside) = (&host["namespaces"], &inside["namespaces"]);
    for kind in ["uts", "ipc"] {
        expect::differs(&format!("the {kind} namespace"), &inside[kind], &host[kind], "clone(2)")?;
    }
    for kind in ["cgroup", "mnt", "net", "pid", "user"] {
        let what = format!("the {kind} namespace, which a later step makes,");
        expect::same(&what, &inside[kind], &host[kind], "namespaces(7)")?;
    }
    Ok(())
}
// ANCHOR_END: two-namespaces

fn the_child_is_born_into_its_namespaces(sandbox: &Sandbox) -> Result<()> {
    let waits =
        "clone3 has to make a child that the host knows by a pidfd, and is told of the end of";
    let outcome = step01(sandbox).args(["--hostname", "box"]).probe(["report"]).output()?;
    let (host, inside) = (outside(sandbox)?, outcome.json().context(waits)?);
    let (host, inside) = (&host["namespaces"], &inside["namespaces"]);
    for kind in ["uts", "ipc"] {
        let what = format!("the {kind} namespace that the child was born into");
        expect::differs(&what, &inside[kind], &host[kind], "clone(2), namespaces(7)")?;
    }
    Ok(())
}

fn a_name_changed_on_one_side_stays_there(sandbox: &Sandbox) -> Result<()> {
    let host = outside(sandbox)?;
    let words = ["seq", "try", "sethostname=inside", "--", "wait", "--", "report", "hostname"];
    // `try` works in a child, whose UTS namespace is the container's too.
    let mut running = step01(sandbox).probe(words).spawn()?;
    expect::equal("the attempt", &running.line()?, r#"{"sethostname=inside":"ok"}"#, UTS)?;
    expect::equal("the next line", &running.line()?, "ready", "the probe's `wait`")?;
    let meanwhile = outside(sandbox)?;
    expect::same("the host name outside", &meanwhile["hostname"], &host["hostname"], UTS)?;

    let rename = |name: &str| sandbox.probe(["try", &format!("sethostname={name}")]).output();
    rename("outside")?.success()?;
    running.descendants().first().map(|pid| kill(*pid, Signal::SIGUSR1)).context("no child")??;
    let seen = running.line()?;
    rename(host["hostname"].as_str().context("the host has no name")?)?.success()?;
    running.wait()?.success()?;
    expect::equal("the host name inside", &seen, r#"{"hostname":"inside"}"#, UTS)
}

/// Each kind of object, with a name for one of it.
const OBJECTS: [(&str, &str); 4] =
    [("msg", "0x1a7e5"), ("sem", "0x1a7e5"), ("shm", "0x1a7e5"), ("mq", "/layers-test")];

fn ipc_objects_of_the_host_are_not_seen_inside(sandbox: &Sandbox) -> Result<()> {
    for (kind, name) in OBJECTS {
        sandbox.probe([&format!("{kind}-make"), name]).output()?.success()?;
        let look = step01(sandbox).probe([&format!("{kind}-look"), name]).output()?;
        sandbox.probe([&format!("{kind}-drop"), name]).output()?.success()?;
        let what = format!("what the container sees of the host's {kind}");
        expect::equal(&what, &look.success()?.stdout(), "not there\n", IPC)?;
    }
    Ok(())
}

fn ipc_objects_of_the_container_are_not_seen_outside(sandbox: &Sandbox) -> Result<()> {
    for (kind, name) in OBJECTS {
        let (make, look) = (format!("{kind}-make"), format!("{kind}-look"));
        let words = ["seq", &make, name, "--", &look, name, "--", "sleep", "60"];
        let mut running = step01(sandbox).probe(words).spawn()?;
        expect::equal(&format!("the container's own {kind}"), &running.line()?, "there", IPC)?;
        let seen = sandbox.probe([&look, name]).output()?.stdout();
        expect::equal(&format!("the container's {kind}"), &seen, "not there\n", IPC)?;
    }
    Ok(())
}
