// wrong: what could not be given back is not told
// says: the error of a release that failed
for layer in self.stack.layers().rev() {
    let explain = self.explain.at(Side::Host, layer.name());
    let _ = layer.release(&explain).context(layer.name());
}
drop(signals);
Ok(())
