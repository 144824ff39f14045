//! `comps.xml`: groups of packages, categories and environments of groups, and language packs.
//!
//! ```xml
//! <comps>
//!   <group>
//!     <id>core</id>
//!     <name>Core</name>
//!     <name xml:lang="de">Kern</name>
//!     <packagelist>
//!       <packagereq type="mandatory">bash</packagereq>
//!     </packagelist>
//!   </group>
//! </comps>
//! ```
//!
//! Lists of packages to leave out (`blacklist`, `whiteout`) are passed over, as Pulp does.

mod read;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use read::read;
pub use write::{FOOTER, HEADER, render, render_category, render_environment, render_group, render_langpacks};

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comps {
    pub groups: Vec<Group>,
    pub categories: Vec<Category>,
    pub environments: Vec<Environment>,
    pub langpacks: Langpacks,
}

/// A name and a description, in some languages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    pub name: String,
    pub description: String,
    /// By the value of `xml:lang`.
    pub name_by_lang: BTreeMap<String, String>,
    pub desc_by_lang: BTreeMap<String, String>,
}

/// Pulp's `PackageGroup`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub texts: Texts,
    pub default: bool,
    pub user_visible: bool,
    pub display_order: Option<i64>,
    pub biarch_only: bool,
    /// The language that the group is for, or empty.
    pub lang_only: String,
    pub packages: Vec<GroupPackage>,
}

/// A package of a group, by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupPackage {
    pub name: String,
    pub kind: GroupPackageKind,
    pub basearch_only: bool,
    /// The package that a conditional one comes with, or empty.
    pub requires: String,
}

/// When a package of a group is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GroupPackageKind {
    Default,
    Optional,
    Conditional,
    /// Also where the document does not say.
    #[default]
    Mandatory,
    /// The document says something else.
    Unknown,
}

impl GroupPackageKind {
    const ALL: [Self; 4] = [Self::Default, Self::Optional, Self::Conditional, Self::Mandatory];

    /// The value of `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Optional => "optional",
            Self::Conditional => "conditional",
            Self::Mandatory => "mandatory",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that name; any that is not known is [`Self::Unknown`].
    pub fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).unwrap_or(Self::Unknown)
    }

    /// The number of it in Pulp's field `packages` (libcomps' own).
    pub fn number(self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Optional => 1,
            Self::Conditional => 2,
            Self::Mandatory => 3,
            Self::Unknown => 4,
        }
    }

    /// The kind of that number.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.into_iter().find(|kind| kind.number() == number).unwrap_or(Self::Unknown)
    }
}

/// Pulp's `PackageCategory`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Category {
    pub id: String,
    pub texts: Texts,
    pub display_order: Option<i64>,
    pub group_ids: Vec<GroupId>,
}

/// Pulp's `PackageEnvironment`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    pub id: String,
    pub texts: Texts,
    pub display_order: Option<i64>,
    pub group_ids: Vec<GroupId>,
    /// Groups that may be chosen beside.
    pub option_ids: Vec<GroupId>,
}

/// The id of a group, and whether it is chosen unless somebody says no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupId {
    pub name: String,
    pub default: bool,
}

/// Patterns of language packs by the package that they are for: `aspell` → `aspell-%s`.
pub type Langpacks = BTreeMap<String, String>;

/// The SHA-256 of an element as it is written: the same for two that say the same.
pub fn digest(rendered: &str) -> String {
    hex::encode(Sha256::digest(rendered))
}
