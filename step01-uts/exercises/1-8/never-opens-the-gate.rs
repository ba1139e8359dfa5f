// wrong: the child waits for the host, and the host for the child
// says: the child waits at the gate for the host
let (gate, opener) = report::gate()?;
let (mut reports, reporter) = report::pipe()?;
let Some(child) = self.fork()? else {
    drop((opener, reports));
    child::main(self, signals, gate, reporter)
};
drop((gate, reporter));
let born = self.first_process(child, &mut reports)?;
self.attach(born.pid())?;
self.meet(born.pid(), &mut reports, &opener)?;
Ok(born.finish())
