// wrong: the second half holds the capabilities from 32 on, which are lost
// says: the kernel set effective
prctl(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR, 0).context("clearing the ambient set")?;
let half = |shift: u32| Data {
    effective: low(self.effective.bits() >> shift),
    permitted: low(self.permitted.bits() >> shift),
    inheritable: low(self.inheritable.bits() >> shift),
};
let (mut header, data) = (HEADER, [half(0), Data::default()]);
// SAFETY: as in `current`; the kernel only reads.
let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const data) };
Errno::result(set).context("setting the capability sets")?;
for cap in self.ambient.iter() {
    prctl(libc::PR_CAP_AMBIENT, AMBIENT_RAISE, cap.number().into())
        .with_context(|| format!("making {cap} ambient"))?;
}
Ok(())
