//! Groups, categories, environments and language packs. Their elements are made anew of what rows say.

use pith_core::error::Result;
use pith_core::plugin::{
    ExchangedContent, ExportedUnit, Facts, ImportedUnit, Unit, UnitRow, flag, json_text, number, text,
};
use serde_json::Value as Json;

use super::typed;
use crate::comps::{Category, Environment, Group, GroupId, GroupPackage, GroupPackageKind, Texts};
use crate::content::carried::CarriedContent;
use crate::content::{category, environment, group, langpacks};

/// A type of units of comps files.
pub(super) struct Comps {
    content: CarriedContent,
    dump: &'static str,
    import: fn(&Facts) -> Result<Unit, String>,
}

pub(super) const GROUPS: Comps =
    Comps { content: group::CONTENT, dump: "pulp_rpm.app.modelresource.PackageGroupResource", import: read_group };
pub(super) const CATEGORIES: Comps = Comps {
    content: category::CONTENT,
    dump: "pulp_rpm.app.modelresource.PackageCategoryResource",
    import: read_category,
};
pub(super) const ENVIRONMENTS: Comps = Comps {
    content: environment::CONTENT,
    dump: "pulp_rpm.app.modelresource.PackageEnvironmentResource",
    import: read_environment,
};
pub(super) const LANGUAGE_PACKS: Comps = Comps {
    content: langpacks::CONTENT,
    dump: "pulp_rpm.app.modelresource.PackageLangpacksResource",
    import: read_language_packs,
};

impl ExchangedContent for Comps {
    fn pulp_type(&self) -> &'static str {
        self.content.pulp_type
    }

    fn dump(&self) -> &'static str {
        self.dump
    }

    fn columns(&self) -> &'static [&'static str] {
        self.content.table.columns
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        let mut facts = Facts::default();
        for (at, name) in self.columns().iter().enumerate() {
            let (name, value) = match *name {
                // Made anew of the other columns.
                "snippet" => continue,
                "is_default" => ("default", flag(unit.get(at)?)),
                "user_visible" | "biarch_only" => (*name, flag(unit.get(at)?)),
                "display_order" => (*name, number(unit.get(at)?)),
                "packages" | "group_ids" | "option_ids" | "matches" | "name_by_lang" | "desc_by_lang" => {
                    (*name, json_text(&unit.get::<Option<Json>>(at)?.unwrap_or_default()))
                }
                _ => (*name, text(unit.get::<Option<String>>(at)?.as_deref())),
            };
            facts.0.insert(name.to_owned(), value);
        }
        Ok(ExportedUnit { facts, parts: vec![] })
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        (self.import)(&unit.facts)
    }
}

fn texts(facts: &Facts) -> Result<Texts, String> {
    Ok(Texts {
        name: facts.text("name"),
        description: facts.text("description"),
        name_by_lang: typed(facts, "name_by_lang")?,
        desc_by_lang: typed(facts, "desc_by_lang")?,
    })
}

#[derive(serde::Deserialize)]
struct Id {
    name: String,
    #[serde(default)]
    default: Option<bool>,
}

fn ids(facts: &Facts, name: &str) -> Result<Vec<GroupId>, String> {
    let ids: Vec<Id> = typed(facts, name)?;
    Ok(ids.into_iter().map(|id| GroupId { name: id.name, default: id.default.unwrap_or(false) }).collect())
}

#[derive(serde::Deserialize)]
struct Member {
    name: String,
    #[serde(default)]
    r#type: Option<u8>,
    #[serde(default)]
    requires: Option<String>,
    #[serde(default)]
    basearchonly: Option<bool>,
}

fn read_group(facts: &Facts) -> Result<Unit, String> {
    let members: Vec<Member> = typed(facts, "packages")?;
    let package = |member: Member| GroupPackage {
        name: member.name,
        kind: GroupPackageKind::from_number(member.r#type.unwrap_or(3)),
        basearch_only: member.basearchonly.unwrap_or(false),
        requires: member.requires.unwrap_or_default(),
    };
    Ok(group::unit(&Group {
        id: facts.text("id"),
        texts: texts(facts)?,
        default: facts.flag("default"),
        user_visible: facts.flag("user_visible"),
        display_order: facts.number("display_order")?,
        biarch_only: facts.flag("biarch_only"),
        packages: members.into_iter().map(package).collect(),
        ..Group::default()
    }))
}

fn read_category(facts: &Facts) -> Result<Unit, String> {
    Ok(category::unit(&Category {
        id: facts.text("id"),
        texts: texts(facts)?,
        display_order: facts.number("display_order")?,
        group_ids: ids(facts, "group_ids")?,
    }))
}

fn read_environment(facts: &Facts) -> Result<Unit, String> {
    Ok(environment::unit(&Environment {
        id: facts.text("id"),
        texts: texts(facts)?,
        display_order: facts.number("display_order")?,
        group_ids: ids(facts, "group_ids")?,
        option_ids: ids(facts, "option_ids")?,
    }))
}

fn read_language_packs(facts: &Facts) -> Result<Unit, String> {
    Ok(langpacks::unit(&typed(facts, "matches")?))
}
