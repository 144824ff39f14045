//! The lists of a package as Pulp's API has them: rows of values, which serde reads and writes.
//!
//! - dependencies: `[name, flags, epoch, version, release, pre]`, nulls for what is not said;
//! - files: `[type, folder, name]` from metadata, where a file's type is null, and `[type, folder,
//!   name, digest]` from a header, where it is empty (createrepo_c gives them so);
//! - changelogs: `[author, date, text]`.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Changelog, Dependency, File, FileKind};

/// Null for an empty text.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl Serialize for Dependency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, flags, epoch, version, release, pre } = self;
        (name, some(flags), some(epoch), some(version), some(release), pre).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dependency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Row = (String, Option<String>, Option<String>, Option<String>, Option<String>, bool);
        let (name, flags, epoch, version, release, pre) = Row::deserialize(deserializer)?;
        Ok(Self {
            name,
            flags: flags.unwrap_or_default(),
            epoch: epoch.unwrap_or_default(),
            version: version.unwrap_or_default(),
            release: release.unwrap_or_default(),
            pre,
        })
    }
}

impl Serialize for Changelog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.author, self.date, &self.text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Changelog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (author, date, text) = Deserialize::deserialize(deserializer)?;
        Ok(Self { author, date, text })
    }
}

impl Serialize for File {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (folder, name) = self.split();
        match &self.digest {
            Some(digest) => (self.kind.as_str(), folder, name, digest).serialize(serializer),
            None => (some(self.kind.as_str()), folder, name).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FileRow)
    }
}

struct FileRow;

impl<'de> Visitor<'de> for FileRow {
    type Value = File;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row of a file's type, folder, name and perhaps digest")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<File, A::Error> {
        let missing = |at| A::Error::invalid_length(at, &self);
        let kind: Option<String> = row.next_element()?.ok_or_else(|| missing(0))?;
        let mut path: String = row.next_element()?.ok_or_else(|| missing(1))?;
        let name: String = row.next_element()?.ok_or_else(|| missing(2))?;
        path.push_str(&name);
        let digest = row.next_element::<Option<String>>()?.flatten();
        Ok(File { kind: FileKind::from_name(&kind.unwrap_or_default()), path, digest })
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;

    fn check<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T, json: &str) {
        assert_eq!(serde_json::to_string(value).expect("JSON"), json);
        assert_eq!(&serde_json::from_str::<T>(json).expect("a row"), value);
    }

    #[test]
    fn lists_are_rows() {
        let text = |text: &str| text.to_owned();
        check(&Dependency { name: text("a"), ..Dependency::default() }, r#"["a",null,null,null,null,false]"#);
        let [flags, epoch, version] = ["GE", "0", "1.0"].map(text);
        check(
            &Dependency { name: text("a"), flags, epoch, version, release: text(""), pre: true },
            r#"["a","GE","0","1.0",null,true]"#,
        );
        check(&Changelog { author: text("A"), date: 5, text: text("- t") }, r#"["A",5,"- t"]"#);
        let file = |kind, path: &str, digest: Option<&str>| File { kind, path: text(path), digest: digest.map(text) };
        check(&file(FileKind::File, "/usr/bin/a", None), r#"[null,"/usr/bin/","a"]"#);
        check(&file(FileKind::Dir, "/etc", None), r#"["dir","/","etc"]"#);
        check(&file(FileKind::File, "a.spec", Some("ab")), r#"["","","a.spec","ab"]"#);
        check(&file(FileKind::Ghost, "/var/x", Some("")), r#"["ghost","/var/","x",""]"#);
        for json in ["[]", "[null]", "[null,\"/\"]", "{}", "[1,\"/\",\"a\"]"] {
            serde_json::from_str::<File>(json).expect_err(json);
        }
    }
}
