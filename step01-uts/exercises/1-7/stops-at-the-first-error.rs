// wrong: one layer that fails leaves all below it unreleased
// says: the course where a release fails
for layer in self.stack.layers().rev() {
    let explain = self.explain.at(Side::Host, layer.name());
    layer.release(&explain).context(layer.name())?;
}
drop(signals);
Ok(())
