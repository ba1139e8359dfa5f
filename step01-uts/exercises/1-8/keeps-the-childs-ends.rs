// wrong: the report ends when nobody can write to it any more, and the host itself still can
// says: which does not end while this process has a writing end of it too
let (gate, opener) = report::gate()?;
let (mut reports, reporter) = report::pipe()?;
let Some(child) = self.fork()? else {
    drop((opener, reports));
    child::main(self, signals, gate, reporter)
};
let born = self.first_process(child, &mut reports)?;
self.attach(born.pid())?;
opener.open()?;
self.meet(born.pid(), &mut reports, &opener)?;
Ok(born.finish())
