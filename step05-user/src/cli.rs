//! Step 4's command line, and who the command is and what it may do.

use anyhow::Result;
use step04::{Container, Init, Mount, Step};

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

    /// Which ids the container has: `host`, those of the host; `single`, only one, the caller as
    /// root; `auto`, those that /etc/subuid and /etc/subgid lend the caller, or else `single`; or
    /// ranges [uid=|gid=]CONTAINER:HOST:COUNT with commas between [default: host for a privileged
    /// caller, otherwise auto]
    #[arg(long, value_name = "MODE", help_heading = "User namespace")]
    pub userns: Option<Userns>,

    /// Who the command is, in the container's numbers; the group is 0 if it is not given
    #[arg(
        short,
        long,
        value_name = "UID[:GID]",
        default_value = "0:0",
        allow_hyphen_values = true,
        help_heading = "Privileges"
    )]
    pub user: User,

    /// Supplementary groups; without this there are none
    #[arg(
        long,
        value_name = "GID",
        value_delimiter = ',',
        value_parser = parse_group,
        allow_hyphen_values = true,
        help_heading = "Privileges"
    )]
    pub group_add: Vec<u32>,

    /// Capabilities beyond Docker's default list, or ALL
    #[arg(long, value_name = "CAP", value_delimiter = ',', help_heading = "Privileges")]
    pub cap_add: Vec<CapName>,

    /// Capabilities to leave out of Docker's default list, or ALL
    #[arg(long, value_name = "CAP", value_delimiter = ',', help_heading = "Privileges")]
    pub cap_drop: Vec<CapName>,

    /// Capabilities that the command keeps even if its user is not root
    #[arg(long, value_name = "CAP", value_delimiter = ',', help_heading = "Privileges")]
    pub cap_ambient: Vec<Cap>,

    /// Let set-user-ID programs and file capabilities work: do not set no_new_privs
    #[arg(long, help_heading = "Privileges")]
    pub allow_new_privileges: bool,
}

impl Step for Args {
    const NAME: &'static str = "step05";
    const ABOUT: &'static str = "Run a command whose root is not root outside (user namespace, capabilities), on top of step 4.";

    fn container(mut self) -> Result<Container> {
        let userns = self.userns.take().map_or_else(default_userns, Ok)?;
        let capabilities = self.capabilities(&userns)?;
        let mut container = self.step04.container()?;
        container.stack.below::<Init>(capabilities);
        if userns != Userns::Host {
            let mut layer = UserNamespace::new(userns);
            let rootfs = container.stack.get_mut::<Mount>().map(|mount| mount.rootfs.clone());
            // The host's own root directory is shown read-only, and the owners as they are.
            layer.id_mapped.extend(rootfs.filter(|rootfs| rootfs.as_os_str() != "/"));
            container.stack.bottom(layer);
        }
        Ok(container)
    }
}

impl Args {
    fn capabilities(&self, userns: &Userns) -> Result<Capabilities> {
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
