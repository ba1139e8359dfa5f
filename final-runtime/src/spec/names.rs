//! The words of which a property takes one, from the type that reads it: so that what `features`
//! tells is what is accepted.

use serde::{
    Deserialize, Deserializer,
    de::{Visitor, value::Error},
    forward_to_deserialize_any,
};

/// All that an enumeration can be read from, as its `serde` attributes have it.
pub fn names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names = Names(&[]);
    let _ = T::deserialize(&mut names); // it is asked what it would read, and gets nothing
    names.0
}

struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.0 = variants;
        Err(serde::de::Error::custom("there is nothing to read"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("it is no enumeration"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{NamespaceKind, seccomp::Op};

    #[test]
    fn a_type_knows_its_names() {
        let kinds = names::<NamespaceKind>();
        assert_eq!(kinds, ["user", "pid", "network", "mount", "ipc", "uts", "cgroup", "time"]);
        assert!(names::<Op>().contains(&"SCMP_CMP_MASKED_EQ"));
        assert_eq!(names::<u32>(), [""; 0]);
    }
}
