//! Assertions that teach: what was expected, what was seen instead, where to read on.

use std::fmt::Debug;

use anyhow::{Result, bail};

/// `seen` must equal `wanted`. `what` names it, as in "the host name inside"; `read` names the
/// manual page.
pub fn equal<A, B>(what: &str, seen: &A, wanted: B, read: &str) -> Result<()>
where
    A: PartialEq<B> + Debug + ?Sized,
    B: Debug,
{
    if *seen != wanted {
        bail!(
            "{what} is not as it should be\n    expected: {wanted:?}\n    seen:     {seen:?}\n    read on:  {read}"
        );
    }
    Ok(())
}

/// `seen` must be what it was before, or what it is elsewhere.
pub fn same<T: PartialEq + Debug + ?Sized>(
    what: &str,
    seen: &T,
    before: &T,
    read: &str,
) -> Result<()> {
    equal(what, &seen, before, read)
}

/// `seen` must not be what it is on the host.
pub fn differs<A, B>(what: &str, seen: &A, host: &B, read: &str) -> Result<()>
where
    A: PartialEq<B> + Debug + ?Sized,
    B: Debug + ?Sized,
{
    if seen == host {
        bail!(
            "{what} is the same inside and outside\n    seen:     {seen:?}\n    read on:  {read}"
        );
    }
    Ok(())
}

/// `text` must contain `part`.
pub fn contains(what: &str, text: &str, part: &str, read: &str) -> Result<()> {
    if !text.contains(part) {
        bail!(
            "{what} does not hold what it should\n    expected: {part:?}\n    seen:     {text:?}\n    read on:  {read}"
        );
    }
    Ok(())
}

/// `good` must hold; `seen` is shown if it does not.
pub fn that(what: &str, good: bool, seen: &(impl Debug + ?Sized), read: &str) -> Result<()> {
    if !good {
        bail!("it does not hold that {what}\n    seen:     {seen:?}\n    read on:  {read}");
    }
    Ok(())
}
