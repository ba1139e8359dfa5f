// wrong: once the gate is open all seems well, whatever happens in the container
// says: it does not hold that the host tells the container's error
let (gate, opener) = report::gate()?;
let (mut reports, reporter) = report::pipe()?;
let Some(child) = self.fork()? else {
    drop((opener, reports));
    child::main(self, signals, gate, reporter)
};
drop((gate, reporter));
let born = self.first_process(child, &mut reports)?;
self.attach(born.pid())?;
opener.open()?;
Ok(born.finish())
