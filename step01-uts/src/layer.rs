//! What a container is made of: layers, and the stack that they stand in.

use std::{any::Any, os::fd::BorrowedFd};

use anyhow::Result;
use nix::{sched::CloneFlags, unistd::Pid};

use crate::{Explain, Hold};

/// One thing that sets a container apart from its host.
///
/// The driver ([`Container`](crate::Container)) calls the hooks at the moments of a container's
/// life. `release` runs from the top of the stack down, all others from the bottom up. Each is told
/// where it stands by its [`Explain`], through which it acts.
///
/// ```text
///    host                            container
///    recover, prepare
///    clone3(all namespaces) ───────▶ born, held at a gate
///                                    (join, and born again)
///    attach(child)
///    open the gate ────────────────▶ enter
///    (meet)
///                                    seal, exec(command)
///    wait
///    release
/// ```
// ANCHOR: layer-trait
pub trait Layer: Any {
    /// The name that errors and `--explain` give it: one lower-case word.
    fn name(&self) -> &'static str;

    /// The new namespaces that the child is to be born into. See namespaces(7).
    fn namespaces(&self) -> CloneFlags {
        CloneFlags::empty()
    }

    /// The group of cgroup v2 that the child is to be born into: a descriptor of its directory.
    /// Asked for after `prepare`. See CLONE_INTO_CGROUP in clone(2).
    fn born_into(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Host, first of all: give back what containers whose runtime was killed have left there.
    fn recover(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }

    /// Host, before the child exists: acquire what the container will need.
    fn prepare(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }

    /// Host, while the child waits at the gate: act on it from outside.
    fn attach(&mut self, _explain: &Explain, _child: Pid) -> Result<()> {
        Ok(())
    }

    /// Container, inside the new namespaces, before the command is executed.
    ///
    /// This is another process: what it changes in `self` the host's side never sees.
    fn enter(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }

    /// Container, when all is ready for execve(2) and nothing else is left to do: give up what
    /// that took. A failure may have no way left to be told.
    fn seal(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }

    /// Whether the layer has something to `join`.
    fn joins(&self) -> bool {
        false
    }

    /// Container, before it is born proper: joins namespaces that are there already. See setns(2).
    ///
    /// What has joined them is not the container's first process but its predecessor, which has
    /// still all the power of the host, and leaves its place to a child that is born there: only
    /// the children of who joins a PID namespace are in it.
    fn join(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }

    /// Whether, after `enter`, the container waits until the host has done its part in `meet`.
    fn meets(&self) -> bool {
        false
    }

    /// Host, while the container waits after `enter`.
    fn meet(&mut self, _explain: &Explain, _child: Pid) -> Result<()> {
        Ok(())
    }

    /// Whether the container is to stop here, after `enter`, until somebody starts it. The layers
    /// above are entered then.
    fn hold(&mut self) -> Option<&mut dyn Hold> {
        None
    }

    /// Host, when the child is gone or never came: give everything back.
    ///
    /// Runs also where `prepare` failed half-way, and may run twice.
    fn release(&mut self, _explain: &Explain) -> Result<()> {
        Ok(())
    }
}
// ANCHOR_END: layer-trait

/// Layers in order, the bottom one first.
///
/// A step takes the stack of the step before and puts its own layer in at the right height, by
/// naming the neighbour: `stack.below::<Mount>(net)`.
#[derive(Default)]
pub struct Stack(Vec<Box<dyn Layer>>);

impl Stack {
    /// Puts a layer under all others: it is the first to enter and the last to be released.
    pub fn bottom(&mut self, layer: impl Layer) {
        self.0.insert(0, Box::new(layer));
    }

    /// Puts a layer on top of all others: it is the last to enter and the first to be released.
    pub fn top(&mut self, layer: impl Layer) {
        self.0.push(Box::new(layer));
    }

    /// Puts a layer directly below the layer of type `L`, or on top where there is none.
    pub fn below<L: Layer>(&mut self, layer: impl Layer) {
        let height = self.height::<L>().unwrap_or(self.0.len());
        self.0.insert(height, Box::new(layer));
    }

    /// Puts a layer directly above the layer of type `L`, or on top where there is none.
    pub fn above<L: Layer>(&mut self, layer: impl Layer) {
        let height = self.height::<L>().map_or(self.0.len(), |height| height + 1);
        self.0.insert(height, Box::new(layer));
    }

    /// Takes the layer of type `L` out, if there is one.
    pub fn remove<L: Layer>(&mut self) {
        if let Some(height) = self.height::<L>() {
            self.0.remove(height);
        }
    }

    /// The layer of type `L`, for another layer's step to add to.
    pub fn get_mut<L: Layer>(&mut self) -> Option<&mut L> {
        self.0.iter_mut().find_map(|layer| {
            let any: &mut dyn Any = layer.as_mut();
            any.downcast_mut()
        })
    }

    /// The names from the bottom up.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|layer| layer.name()).collect()
    }

    /// The union of all layers' namespaces.
    pub(crate) fn namespaces(&self) -> CloneFlags {
        self.0.iter().map(|layer| layer.namespaces()).collect()
    }

    /// The group that the child is to be born into, if a layer has one for it.
    pub(crate) fn born_into(&self) -> Option<BorrowedFd<'_>> {
        self.0.iter().find_map(|layer| layer.born_into())
    }

    /// Whether any layer has something to join.
    pub(crate) fn joins(&self) -> bool {
        self.0.iter().any(|layer| layer.joins())
    }

    /// From the bottom up.
    pub(crate) fn layers(&mut self) -> impl DoubleEndedIterator<Item = &mut dyn Layer> {
        self.0.iter_mut().map(|layer| layer.as_mut())
    }

    fn height<L: Layer>(&self) -> Option<usize> {
        self.0.iter().position(|layer| {
            let any: &dyn Any = layer.as_ref();
            any.is::<L>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ipc, Uts};

    struct Top;
    impl Layer for Top {
        fn name(&self) -> &'static str {
            "top"
        }
    }

    #[test]
    fn layers_are_put_in_beside_a_named_neighbour() {
        let mut stack = Stack::default();
        stack.top(Ipc);
        stack.below::<Ipc>(Uts::default());
        stack.above::<Ipc>(Top);
        assert_eq!(stack.names(), ["uts", "ipc", "top"]);
        assert_eq!(stack.namespaces(), CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC);
        assert!(stack.get_mut::<Uts>().is_some());
        stack.remove::<Uts>();
        stack.remove::<Uts>();
        assert_eq!(stack.names(), ["ipc", "top"]);
    }
}
