// wrong: only what is permitted and inheritable can be made ambient, and it is not inheritable yet
// says: making CAP_KILL ambient: EPERM
prctl(libc::PR_CAP_AMBIENT, AMBIENT_CLEAR, 0).context("clearing the ambient set")?;
for cap in self.ambient.iter() {
    prctl(libc::PR_CAP_AMBIENT, AMBIENT_RAISE, cap.number().into())
        .with_context(|| format!("making {cap} ambient"))?;
}
let half = |shift: u32| Data {
    effective: low(self.effective.bits() >> shift),
    permitted: low(self.permitted.bits() >> shift),
    inheritable: low(self.inheritable.bits() >> shift),
};
let (mut header, data) = (HEADER, [half(0), half(32)]);
// SAFETY: as in `current`; the kernel only reads.
let set = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const data) };
Errno::result(set).context("setting the capability sets").map(drop)
