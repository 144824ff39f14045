//! Groups, categories, environments and language packs. Their elements are made anew of what rows say.

use pith_core::error::Result;
use pith_core::plugin::{
    ExchangedContent, ExportedUnit, Facts, ImportedUnit, Unit, UnitRow, flag, json_text, number, text,
};
use serde_json::Value as Json;

use super::typed;
use crate::comps::{Category, Environment, Group, GroupId, GroupPackage, GroupPackageKind, Texts};
use crate::content::{category, environment, group, langpacks};

/// The names of a row's columns, in the order of the table's.
fn row(unit: &UnitRow, kinds: &[(&'static str, char)]) -> Result<ExportedUnit> {
    let mut facts = Facts::default();
    for (at, (name, kind)) in kinds.iter().enumerate() {
        let value = match kind {
            'f' => flag(unit.get(at)?),
            'n' => number(unit.get(at)?),
            'j' => json_text(&unit.get::<Option<Json>>(at)?.unwrap_or_default()),
            _ => text(unit.get::<Option<String>>(at)?.as_deref()),
        };
        facts.0.insert((*name).to_owned(), value);
    }
    Ok(ExportedUnit { facts, parts: vec![] })
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

pub(super) struct Groups;

impl ExchangedContent for Groups {
    fn pulp_type(&self) -> &'static str {
        group::PACKAGEGROUP
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.PackageGroupResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "id",
            "is_default",
            "user_visible",
            "display_order",
            "name",
            "description",
            "packages",
            "biarch_only",
            "desc_by_lang",
            "name_by_lang",
            "digest",
        ]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(
            unit,
            &[
                ("id", 't'),
                ("default", 'f'),
                ("user_visible", 'f'),
                ("display_order", 'n'),
                ("name", 't'),
                ("description", 't'),
                ("packages", 'j'),
                ("biarch_only", 'f'),
                ("desc_by_lang", 'j'),
                ("name_by_lang", 'j'),
                ("digest", 't'),
            ],
        )
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
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
}

pub(super) struct Categories;

impl ExchangedContent for Categories {
    fn pulp_type(&self) -> &'static str {
        category::PACKAGECATEGORY
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.PackageCategoryResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["id", "name", "description", "display_order", "group_ids", "desc_by_lang", "name_by_lang", "digest"]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(
            unit,
            &[
                ("id", 't'),
                ("name", 't'),
                ("description", 't'),
                ("display_order", 'n'),
                ("group_ids", 'j'),
                ("desc_by_lang", 'j'),
                ("name_by_lang", 'j'),
                ("digest", 't'),
            ],
        )
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        Ok(category::unit(&Category {
            id: facts.text("id"),
            texts: texts(facts)?,
            display_order: facts.number("display_order")?,
            group_ids: ids(facts, "group_ids")?,
        }))
    }
}

pub(super) struct Environments;

impl ExchangedContent for Environments {
    fn pulp_type(&self) -> &'static str {
        environment::PACKAGEENVIRONMENT
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.PackageEnvironmentResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &[
            "id",
            "name",
            "description",
            "display_order",
            "group_ids",
            "option_ids",
            "desc_by_lang",
            "name_by_lang",
            "digest",
        ]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(
            unit,
            &[
                ("id", 't'),
                ("name", 't'),
                ("description", 't'),
                ("display_order", 'n'),
                ("group_ids", 'j'),
                ("option_ids", 'j'),
                ("desc_by_lang", 'j'),
                ("name_by_lang", 'j'),
                ("digest", 't'),
            ],
        )
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        let facts = &unit.facts;
        Ok(environment::unit(&Environment {
            id: facts.text("id"),
            texts: texts(facts)?,
            display_order: facts.number("display_order")?,
            group_ids: ids(facts, "group_ids")?,
            option_ids: ids(facts, "option_ids")?,
        }))
    }
}

pub(super) struct LanguagePacks;

impl ExchangedContent for LanguagePacks {
    fn pulp_type(&self) -> &'static str {
        langpacks::PACKAGELANGPACKS
    }

    fn dump(&self) -> &'static str {
        "pulp_rpm.app.modelresource.PackageLangpacksResource"
    }

    fn columns(&self) -> &'static [&'static str] {
        &["matches", "digest"]
    }

    fn export(&self, unit: &UnitRow) -> Result<ExportedUnit> {
        row(unit, &[("matches", 'j'), ("digest", 't')])
    }

    fn import(&self, unit: &ImportedUnit) -> Result<Unit, String> {
        Ok(langpacks::unit(&typed(&unit.facts, "matches")?))
    }
}
