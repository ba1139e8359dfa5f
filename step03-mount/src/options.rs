//! The words for mount flags, as mount(8) and the OCI configuration have them.

use libc::{
    MOUNT_ATTR__ATIME as ATIME, MOUNT_ATTR_NOATIME as NOATIME, MOUNT_ATTR_NODEV as NODEV,
    MOUNT_ATTR_NODIRATIME as NODIRATIME, MOUNT_ATTR_NOEXEC as NOEXEC, MOUNT_ATTR_NOSUID as NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW as NOSYMFOLLOW, MOUNT_ATTR_RDONLY as RDONLY,
    MOUNT_ATTR_RELATIME as RELATIME, MOUNT_ATTR_STRICTATIME as STRICTATIME,
};

use crate::mount_api::Attributes;

/// Word, what it sets, what it clears.
const WORDS: [(&str, u64, u64); 19] = [
    ("ro", RDONLY, 0),
    ("rw", 0, RDONLY),
    ("nosuid", NOSUID, 0),
    ("suid", 0, NOSUID),
    ("nodev", NODEV, 0),
    ("dev", 0, NODEV),
    ("noexec", NOEXEC, 0),
    ("exec", 0, NOEXEC),
    ("nodiratime", NODIRATIME, 0),
    ("diratime", 0, NODIRATIME),
    ("nosymfollow", NOSYMFOLLOW, 0),
    ("symfollow", 0, NOSYMFOLLOW),
    ("relatime", RELATIME, ATIME),
    ("noatime", NOATIME, ATIME),
    ("strictatime", STRICTATIME, ATIME),
    // Of the three ways of access times `relatime` is what is left.
    ("atime", RELATIME, ATIME),
    ("nostrictatime", RELATIME, ATIME),
    ("norelatime", RELATIME, ATIME),
    ("defaults", 0, 0),
];

/// Puts the flag called `word` into `attributes`. `false` if there is no such flag: then it is an
/// option of the file system itself.
pub fn apply(attributes: &mut Attributes, word: &str) -> bool {
    let Some((_, set, clear)) = WORDS.iter().find(|(known, ..)| *known == word) else {
        return false;
    };
    // A later word undoes an earlier one.
    attributes.set = attributes.set & !clear | set;
    attributes.clear = attributes.clear & !set | clear;
    true
}

/// Every word that [`apply`] knows.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, ..)| *word)
}

/// The words for `attributes`.
pub fn names(attributes: &Attributes) -> Vec<String> {
    let one_bit = |set: u64| set.count_ones() == 1;
    let words = WORDS.iter().filter(|(_, set, _)| one_bit(*set) && attributes.set & set == *set);
    words.map(|(word, ..)| word.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("nosuid,nodev,noexec", NOSUID | NODEV | NOEXEC, 0)]
    #[case("ro,rw", 0, RDONLY)]
    #[case("noexec,exec", 0, NOEXEC)]
    #[case("exec,noexec", NOEXEC, 0)]
    #[case("noatime,strictatime", STRICTATIME, ATIME)]
    #[case("strictatime,relatime", 0, ATIME)]
    #[case("relatime,noatime", NOATIME, ATIME)]
    fn a_later_word_wins(#[case] words: &str, #[case] set: u64, #[case] clear: u64) {
        let mut attributes = Attributes::default();
        assert!(words.split(',').all(|word| apply(&mut attributes, word)));
        assert_eq!((attributes.set, attributes.clear), (set, clear));
    }

    #[test]
    fn what_is_no_flag_is_left_to_the_file_system() {
        let mut attributes = Attributes::default();
        assert!(!apply(&mut attributes, "size=64m"));
        assert!(!apply(&mut attributes, ""));
        assert_eq!(attributes, Attributes::default());
    }

    #[test]
    fn names_are_those_that_were_given() {
        let mut attributes = Attributes::default();
        for word in ["nosuid", "strictatime", "ro"] {
            assert!(apply(&mut attributes, word));
        }
        assert_eq!(names(&attributes), ["ro", "nosuid", "strictatime"]);
    }
}
