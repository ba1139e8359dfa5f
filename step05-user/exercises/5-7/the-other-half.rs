// wrong: this drops what is to be kept
// says: the kernel set effective
for cap in self.bounding.iter() {
    prctl(libc::PR_CAPBSET_DROP, cap.number().into(), 0)
        .with_context(|| format!("dropping {cap} from the bounding set"))?;
}
Ok(())
