//! Step 4's command line, and who the command is and what it may do.

use anyhow::Result;
use step04::{Container, Init, Mount, RunDir, Step};

use crate::{
    Cap, CapChoice, CapName, CapSet, CapSets, Capabilities, User, UserNamespace, Userns,
    user::parse_group,
};

/// The flags of step 5.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 4.
    #[command(flatten)]
    pub step04: step04::Args,

    /// Ids: `host`; `single`, only yours, as root; `auto`, as /etc/subuid lends you; or a list of
    /// [uid=|gid=]CONTAINER:HOST:COUNT with commas [default: host if you are privileged, else auto]
    #[arg(long, value_name = "IDS", help_heading = "User namespace")]
    pub userns: Option<Userns>,

    #[command(flatten)]
    privileges: Privileges,
}

/// Who the command is and what it may do.
#[derive(clap::Args, Debug)]
#[group(skip)]
#[command(next_help_heading = "Privileges")]
pub struct Privileges {
    /// Who the command is, by the container's numbers
    #[arg(
        short,
        long,
        value_name = "UID[:GID]",
        default_value = "0:0",
        allow_hyphen_values = true
    )]
    pub user: User,

    /// Supplementary group; may be repeated, or a list with commas
    #[arg(
        long,
        value_name = "GID",
        value_delimiter = ',',
        value_parser = parse_group,
        allow_hyphen_values = true
    )]
    pub group_add: Vec<u32>,

    /// Add a capability, or ALL, to Docker's default list; may be repeated, or a list
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_add: Vec<CapName>,

    /// Drop a capability, or ALL; may be repeated, or a list
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_drop: Vec<CapName>,

    /// Add a capability that the command has even if it is not root; may be repeated, or a list
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    pub cap_ambient: Vec<Cap>,

    /// Let set-user-ID programs and file capabilities work: do not set no_new_privs
    #[arg(long)]
    pub allow_new_privileges: bool,
}

impl Step for Args {
    const NAME: &'static str = "step05";
    const ABOUT: &'static str = "Run a command whose root is not root outside (user namespace, capabilities), on top of step 4.";

    fn container(mut self) -> Result<Container> {
        let userns = self.userns.take().map_or_else(default_userns, Ok)?;
        let capabilities = self.privileges.layer(&userns)?;
        let mut container = self.step04.container()?;
        container.stack.below::<Init>(capabilities);
        if userns != Userns::Host {
            let mut layer = UserNamespace::new(userns);
            let rootfs = container.stack.get_mut::<Mount>().map(|mount| mount.rootfs.clone());
            // The host's own root directory is shown read-only, and the owners as they are.
            layer.id_mapped.extend(rootfs.filter(|rootfs| rootfs.as_os_str() != "/"));
            container.stack.above::<RunDir>(layer);
        }
        Ok(container)
    }
}

impl Privileges {
    /// The layer that they describe, for a container with these ids.
    pub fn layer(&self, userns: &Userns) -> Result<Capabilities> {
        let mut user = self.user.clone();
        user.groups.clone_from(&self.group_add);
        // The first process of a user namespace has every capability in it.
        let held = if *userns == Userns::Host { held()? } else { CapSet::known() };
        let mut add = self.cap_add.clone();
        add.extend(self.cap_ambient.iter().copied().map(CapName::One));
        let caps = CapChoice { add, drop: self.cap_drop.clone() }.of(held)?;
        let ambient = self.cap_ambient.iter().copied().collect();
        let sets = CapSets::new(caps, ambient, user.uid == 0);
        Ok(Capabilities { user, sets, no_new_privs: !self.allow_new_privileges })
    }
}

/// Whoever cannot make namespaces otherwise needs a user namespace to make them in.
fn default_userns() -> Result<Userns> {
    let privileged = CapSets::current()?.effective.has(Cap::SYS_ADMIN);
    Ok(if privileged { Userns::Host } else { Userns::Auto })
}

fn held() -> Result<CapSet> {
    let own = CapSets::current()?;
    Ok(own.permitted.and(own.bounding))
}
