// wrong: released in the order in which they were made; what stands on something goes after it
// says: the order of the hooks, up to the command and down again, is not as it should be
let mut result = Ok(());
for layer in self.stack.layers() {
    let explain = self.explain.at(Side::Host, layer.name());
    let released = layer.release(&explain).context(layer.name());
    result = result.and(released);
}
drop(signals);
result
