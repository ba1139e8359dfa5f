// wrong: there are more than 32 since Linux 2.6.25
// says: CAP_CHECKPOINT_RESTORE
for cap in CapSet::known().without(self.bounding).iter().filter(|cap| cap.number() < 32) {
    prctl(libc::PR_CAPBSET_DROP, cap.number().into(), 0)
        .with_context(|| format!("dropping {cap} from the bounding set"))?;
}
Ok(())
