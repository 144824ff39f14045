//! Which commit a `git_ref` means: a branch, a tag, a full name of a ref, or the name of a commit, which may be cut short.

use super::error::GitError;
use super::object::ObjectId;

/// The newest commit of the branch that a server shows first.
const HEAD: &str = "HEAD";
/// The shortest part of the name of a commit.
const SHORTEST: usize = 4;
/// The longest: all of it.
const LONGEST: usize = 40;
/// So many refs are looked at for the commit of a name that no ref has.
const MOST_TIPS: usize = 200_000;

/// A ref, and the commit it leads to where that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub id: ObjectId,
    pub peeled: Option<ObjectId>,
}

impl Pointer {
    /// The commit, as far as it is known.
    pub fn commit(&self) -> ObjectId {
        self.peeled.unwrap_or(self.id)
    }
}

/// What a `git_ref` means to a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    Ref(Pointer),
    /// The name of a commit that no ref has.
    Commit(ObjectId),
    /// How such a name begins.
    Beginning(String),
    Nothing,
    /// Refs lead to several commits whose names begin so.
    Ambiguous,
}

/// The refs of a server, looked at one after the other. Of those with the same name a branch goes before a tag.
#[derive(Debug)]
pub struct Refs {
    /// The full names that it may have, best first.
    names: Vec<String>,
    /// In lower case, if it can be the name of a commit.
    digits: Option<String>,
    found: Option<(usize, Pointer)>,
    begins: Vec<Pointer>,
    tips: Vec<ObjectId>,
}

impl Refs {
    pub fn looking_for(git_ref: &str) -> Self {
        let names = match git_ref {
            HEAD => vec![HEAD.to_owned()],
            name if name.starts_with("refs/") => vec![name.to_owned()],
            name => ["refs/heads/", "refs/tags/", "refs/"].map(|folder| format!("{folder}{name}")).to_vec(),
        };
        let is_digits = git_ref.bytes().all(|byte| byte.is_ascii_hexdigit());
        let digits = (is_digits && (SHORTEST..=LONGEST).contains(&git_ref.len())).then(|| git_ref.to_lowercase());
        Self { names, digits, found: None, begins: vec![], tips: vec![] }
    }

    /// What the names of refs begin with that are to be looked at.
    pub fn prefixes(&self) -> Vec<&str> {
        let all = ["refs/heads/", "refs/tags/"];
        let names = self.names.iter().map(String::as_str);
        match self.digits {
            Some(_) => {
                all.into_iter().chain(names.filter(|name| !all.iter().any(|all| name.starts_with(all)))).collect()
            }
            None => names.collect(),
        }
    }

    /// # Errors
    /// `Wrong` when there are too many to remember.
    pub fn look_at(&mut self, name: &str, pointer: Pointer) -> Result<(), GitError> {
        if let Some(rank) = self.names.iter().position(|wanted| wanted == name)
            && self.found.is_none_or(|(best, _)| rank < best)
        {
            self.found = Some((rank, pointer));
        }
        let is_listed = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let Some(digits) = self.digits.as_deref().filter(|_| is_listed) else { return Ok(()) };
        if self.tips.len() == MOST_TIPS {
            return Err(GitError::wrong(format!("it has more than {MOST_TIPS} refs: name one of them")));
        }
        self.tips.push(pointer.id);
        let begins = pointer.commit().to_string().starts_with(digits) || pointer.id.to_string().starts_with(digits);
        if begins && !self.begins.iter().any(|known| known.commit() == pointer.commit()) && self.begins.len() < 2 {
            self.begins.push(pointer);
        }
        Ok(())
    }

    /// Where all branches and tags lead to; empty unless the name may be that of a commit.
    pub fn tips(&self) -> &[ObjectId] {
        &self.tips
    }

    pub fn meaning(&self) -> Meaning {
        match (self.found, &self.begins[..], &self.digits) {
            (Some((_, pointer)), ..) => Meaning::Ref(pointer),
            (None, [pointer], _) => Meaning::Ref(*pointer),
            (None, [_, _, ..], _) => Meaning::Ambiguous,
            (None, [], Some(digits)) => match digits.parse() {
                Ok(id) => Meaning::Commit(id),
                Err(_) => Meaning::Beginning(digits.clone()),
            },
            (None, [], None) => Meaning::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFS: [(&str, u8, Option<u8>); 7] = [
        ("HEAD", 1, None),
        ("refs/heads/main", 1, None),
        ("refs/heads/v1", 2, None),
        ("refs/heads/beef", 3, None),
        ("refs/pull/7/head", 4, None),
        ("refs/tags/v1", 5, Some(6)),
        ("refs/tags/v2", 0xab, Some(0xcd)),
    ];

    fn id(byte: u8) -> ObjectId {
        ObjectId([byte; 20])
    }

    /// Of a byte, the commit that is found.
    fn check(git_ref: &str, expected: Option<u8>) {
        let mut refs = Refs::looking_for(git_ref);
        for (name, byte, peeled) in REFS {
            refs.look_at(name, Pointer { id: id(byte), peeled: peeled.map(id) }).unwrap();
        }
        match refs.meaning() {
            Meaning::Ref(pointer) => assert_eq!(Some(pointer.commit()), expected.map(id), "{git_ref}"),
            other => assert_eq!(expected, None, "{git_ref} {other:?}"),
        }
    }

    #[test]
    fn branches_go_before_tags_and_names_before_digits() {
        check("HEAD", Some(1));
        check("main", Some(1));
        check("v1", Some(2));
        check("tags/v1", Some(6));
        check("refs/tags/v1", Some(6));
        check("refs/pull/7/head", Some(4));
        check("pull/7/head", Some(4));
        check("beef", Some(3));
        check("cdcdcd", Some(0xcd));
        check("CDCD", Some(0xcd));
        check("abab", Some(0xcd));
        check(&"01".repeat(20), Some(1));
    }

    #[test]
    fn what_no_ref_has_may_be_a_commit() {
        for git_ref in ["nothing", "refs/heads/nothing", "mai", "../main", "abc"] {
            check(git_ref, None);
        }
        let meaning = |git_ref: &str| Refs::looking_for(git_ref).meaning();
        assert_eq!(meaning("nothing"), Meaning::Nothing);
        assert_eq!(meaning("abc"), Meaning::Nothing);
        assert_eq!(meaning("ABCD"), Meaning::Beginning("abcd".into()));
        assert_eq!(meaning(&"ab".repeat(20)), Meaning::Commit(id(0xab)));
        let mut refs = Refs::looking_for("abab");
        for name in ["refs/heads/a", "refs/heads/b"] {
            refs.look_at(name, Pointer { id: id(0xab), peeled: Some(id(name.len() as u8 + name.as_bytes()[11])) })
                .unwrap();
        }
        assert_eq!(refs.meaning(), Meaning::Ambiguous);
    }

    #[test]
    fn only_refs_that_matter_are_asked_for() {
        assert_eq!(Refs::looking_for("HEAD").prefixes(), ["HEAD"]);
        assert_eq!(Refs::looking_for("main").prefixes(), ["refs/heads/main", "refs/tags/main", "refs/main"]);
        assert_eq!(Refs::looking_for("beef").prefixes(), ["refs/heads/", "refs/tags/", "refs/beef"]);
    }
}
