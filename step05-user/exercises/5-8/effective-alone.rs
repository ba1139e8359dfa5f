// wrong: what is still permitted can be made effective again by the command
// says: the kernel set effective
prctl(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR, 0).context("clearing the ambient set")?;
let held = Self::current()?;
let half = |shift: u32| Data {
    effective: low(self.effective.bits() >> shift),
    permitted: low(held.permitted.bits() >> shift),
    inheritable: low(self.inheritable.bits() >> shift),
};
let (mut header, data) = (HEADER, [half(0), half(32)]);
// SAFETY: as in `current`; the kernel only reads.
let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const data) };
Errno::result(set).context("setting the capability sets")?;
for cap in self.ambient.iter() {
    prctl(libc::PR_CAP_AMBIENT, AMBIENT_RAISE, cap.number().into())
        .with_context(|| format!("making {cap} ambient"))?;
}
Ok(())
