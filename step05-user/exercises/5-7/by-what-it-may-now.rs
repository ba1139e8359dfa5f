// wrong: what the command has now is less, for one who is not root, than what it may come by
// says: the kernel set effective none
for cap in CapSet::known().without(self.permitted).iter() {
    prctl(libc::PR_CAPBSET_DROP, cap.number().into(), 0)
        .with_context(|| format!("dropping {cap} from the bounding set"))?;
}
Ok(())
