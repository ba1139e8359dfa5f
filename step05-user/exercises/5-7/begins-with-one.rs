// wrong: capabilities are counted from 0: CAP_CHOWN is the first
// says: bounding CAP_CHOWN, ambient none, instead
for cap in CapSet::known().without(self.bounding).iter().filter(|cap| cap.number() > 0) {
    prctl(libc::PR_CAPBSET_DROP, cap.number().into(), 0)
        .with_context(|| format!("dropping {cap} from the bounding set"))?;
}
Ok(())
