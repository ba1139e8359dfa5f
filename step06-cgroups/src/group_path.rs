//! `--cgroup-parent`: which group a container's group is made in.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Error, Result, bail};

/// The way from the highest group that the caller may use down to the one that holds the
/// containers' groups: `layers`, or any other `NAME/NAME…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPath(Vec<String>);

impl GroupPath {
    /// Where containers are if nobody says otherwise.
    pub const DEFAULT: &str = "layers";

    /// No way at all: containers' groups are in the highest one itself.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The slice that this names, if it is one of systemd's: `NAME.slice`.
    pub fn slice(&self) -> Option<&str> {
        match &self.0[..] {
            [name] if name.ends_with(".slice") => Some(name),
            _ => None,
        }
    }

    /// The groups on the way below `top`, the highest first, `top` itself left out.
    pub fn below(&self, top: &Path) -> Vec<PathBuf> {
        let mut dir = top.to_owned();
        self.0
            .iter()
            .map(|name| {
                dir.push(name);
                dir.clone()
            })
            .collect()
    }

    /// The group `name` in the last of them.
    pub fn of(&self, top: &Path, name: &str) -> PathBuf {
        self.0.iter().fold(top.to_owned(), |dir, name| dir.join(name)).join(name)
    }
}

/// Where containers are if nobody says otherwise.
impl Default for GroupPath {
    fn default() -> Self {
        Self(vec![Self::DEFAULT.into()])
    }
}

impl fmt::Display for GroupPath {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

impl FromStr for GroupPath {
    type Err = Error;

    /// Names as systemd has them. No `..`: a container's group stays where its runtime may be.
    fn from_str(text: &str) -> Result<Self> {
        let letter = |c: char| c.is_ascii_alphanumeric() || "_.:@-".contains(c);
        let name = |name: &str| {
            (1..=255).contains(&name.len()) && !name.starts_with('.') && name.chars().all(letter)
        };
        if !text.split('/').all(name) {
            bail!(
                "cgroup: --cgroup-parent {text:?}: expected NAME or NAME/NAME… of letters, digits and _ . : @ -"
            );
        }
        Ok(Self(text.split('/').map(String::from).collect()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("layers", &["/top/layers"], "/top/layers/id")]
    #[case("a.slice/b@1:x_-", &["/top/a.slice", "/top/a.slice/b@1:x_-"], "/top/a.slice/b@1:x_-/id")]
    fn paths(#[case] text: &str, #[case] above: &[&str], #[case] group: &str) {
        let path: GroupPath = text.parse().expect(text);
        let above: Vec<_> = above.iter().map(PathBuf::from).collect();
        assert_eq!(path.below(Path::new("/top")), above);
        assert_eq!(path.of(Path::new("/top"), "id"), Path::new(group));
        assert_eq!(path.to_string(), text);
    }

    #[rstest]
    #[case("machine.slice", Some("machine.slice"))]
    #[case("a-b.slice", Some("a-b.slice"))]
    #[case("layers", None)]
    #[case("a.slice/b.slice", None)]
    #[case("a.slice.d", None)]
    fn slices(#[case] text: &str, #[case] slice: Option<&str>) {
        assert_eq!(text.parse::<GroupPath>().expect(text).slice(), slice);
    }

    #[test]
    fn containers_are_in_layers_or_where_one_stands() {
        let top = Path::new("/top");
        assert_eq!(GroupPath::default().of(top, "id"), Path::new("/top/layers/id"));
        assert_eq!(GroupPath::none().of(top, "id"), Path::new("/top/id"));
    }

    #[rstest]
    fn no_paths(
        #[values(
            "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a b", "a\nb", "ä"
        )]
        text: &str,
    ) {
        let error = text.parse::<GroupPath>().expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("cgroup: --cgroup-parent {text:?}: expected ")),
            "{error}"
        );
    }
}
