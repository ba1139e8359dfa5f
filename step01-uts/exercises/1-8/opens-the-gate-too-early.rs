// wrong: the child goes on while the host's part is not done
// says: it does not hold that the child enters when all layers are attached
let (gate, opener) = report::gate()?;
let (mut reports, reporter) = report::pipe()?;
let Some(child) = self.fork()? else {
    drop((opener, reports));
    child::main(self, signals, gate, reporter)
};
drop((gate, reporter));
let born = self.first_process(child, &mut reports)?;
opener.open()?;
self.attach(born.pid())?;
self.meet(born.pid(), &mut reports, &opener)?;
Ok(born.finish())
