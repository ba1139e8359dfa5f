//! `commit`: what a container has changed, as an image.

use anyhow::{Context, Result};
use step07::{Explain, Side};

use crate::{
    image::{Words, instruction::Instruction, reference::Reference},
    lifecycle::container::Container,
    store::Store,
};

/// Make an image of a container's image and what the container has changed
#[derive(clap::Args)]
pub struct Args {
    /// What is said of it
    #[arg(short, long)]
    message: Option<String>,

    /// Whose it is, as in 'Name <address>'
    #[arg(short, long)]
    author: Option<String>,

    /// Change its configuration, as in 'CMD ["sh"]'; may be given more than once
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<Instruction>,

    /// Have the container stand still meanwhile, if it can
    #[arg(
        short,
        long,
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = clap::ArgAction::Set
    )]
    pause: bool,

    /// Name, id, or the beginning of an id
    container: String,

    /// What to call it
    #[arg(value_name = "NAME[:TAG]")]
    name: Option<Reference>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let container = store.containers.find(&self.container)?;
        let words = Words {
            name: self.name,
            message: self.message,
            author: self.author,
            changes: self.change,
        };
        let still = if self.pause { Still::hold(&container)? } else { None };
        let image = store.images.commit(&store.containers, &container, &words);
        let thawed = still.map_or(Ok(()), Still::release);
        let image = image.with_context(|| format!("commit: container {}", self.container))?;
        thawed?;
        println!("{}", image.id());
        Ok(0)
    }
}

/// A container that stands still because we have said so.
struct Still<'a>(&'a Container);

impl<'a> Still<'a> {
    /// `None`: it does not run, stands still already, or cannot be held.
    fn hold(container: &'a Container) -> Result<Option<Self>> {
        if container.process()?.is_none() {
            return Ok(None);
        }
        let explain = Explain::new(false).at(Side::Host, "cgroup");
        let held = container.group().and_then(|group| {
            let free = !group.is_frozen()?;
            if free {
                group.freeze(&explain)?;
            }
            Ok(free)
        });
        Ok(held.unwrap_or(false).then_some(Self(container)))
    }

    fn release(self) -> Result<()> {
        let explain = Explain::new(false).at(Side::Host, "cgroup");
        self.0.group()?.thaw(&explain).context("commit: letting the container go on")
    }
}
