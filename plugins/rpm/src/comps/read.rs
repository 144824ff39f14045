//! Reading `comps.xml`, which is held as a whole.

use std::collections::HashSet;
use std::io::BufRead;

use super::{Category, Comps, Environment, Group, GroupId, GroupPackage, GroupPackageKind, Langpacks, Texts};
use crate::text::excerpt;
use crate::xml::{Node, XmlError, XmlReader};

/// The most bytes that are read. The largest real ones, in fifty languages, have 3 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// The most groups, categories and environments together, and items of one of them.
const MAX_ITEMS: usize = 50_000;

/// Reads a document. Groups only name packages and the others only name groups, so there is
/// nothing to follow, and no circle to fall into.
///
/// Of two groups (categories, environments) with one id the later one counts. An id that is missing
/// is an error.
pub fn read(input: impl BufRead) -> Result<Comps, XmlError> {
    let mut xml = XmlReader::new(input);
    xml.expect_root("comps")?;
    xml.limit_element(MAX_BYTES);
    let mut comps = Comps::default();
    let mut count = 0;
    while xml.next_node()? == Node::Start {
        count += 1;
        if count > MAX_ITEMS {
            return Err(too_many(&xml));
        }
        match xml.name() {
            "group" => {
                let group = group(&mut xml)?;
                comps.groups.push(group);
            }
            "category" => {
                let category = category(&mut xml)?;
                comps.categories.push(category);
            }
            "environment" => {
                let environment = environment(&mut xml)?;
                comps.environments.push(environment);
            }
            "langpacks" => langpacks(&mut xml, &mut comps.langpacks)?,
            _ => xml.skip()?,
        }
    }
    xml.finish()?;
    keep_last(&mut comps.groups, |group| &group.id);
    keep_last(&mut comps.categories, |category| &category.id);
    keep_last(&mut comps.environments, |environment| &environment.id);
    Ok(comps)
}

fn keep_last<T>(list: &mut Vec<T>, id: impl Fn(&T) -> &String) {
    let mut seen = HashSet::new();
    let mut kept: Vec<T> = Vec::with_capacity(list.len());
    for item in list.drain(..).rev() {
        if seen.insert(id(&item).clone()) {
            kept.push(item);
        }
    }
    kept.reverse();
    *list = kept;
}

fn group<R: BufRead>(xml: &mut XmlReader<R>) -> Result<Group, XmlError> {
    let mut group = Group { default: false, user_visible: true, ..Group::default() };
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "id" => group.id = xml.read_text()?.trim().to_owned(),
            "name" | "description" => texts(xml, &mut group.texts)?,
            "default" => group.default = flag(xml)?,
            "uservisible" => group.user_visible = flag(xml)?,
            "biarchonly" => group.biarch_only = flag(xml)?,
            "langonly" => group.lang_only = xml.read_text()?.trim().to_owned(),
            "display_order" => group.display_order = order(xml)?,
            "packagelist" => packages(xml, &mut group.packages)?,
            _ => xml.skip()?,
        }
    }
    check_id(xml, "group", &group.id, &group.texts)?;
    Ok(group)
}

fn category<R: BufRead>(xml: &mut XmlReader<R>) -> Result<Category, XmlError> {
    let mut category = Category::default();
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "id" => category.id = xml.read_text()?.trim().to_owned(),
            "name" | "description" => texts(xml, &mut category.texts)?,
            "display_order" => category.display_order = order(xml)?,
            "grouplist" => group_ids(xml, &mut category.group_ids)?,
            _ => xml.skip()?,
        }
    }
    check_id(xml, "category", &category.id, &category.texts)?;
    Ok(category)
}

fn environment<R: BufRead>(xml: &mut XmlReader<R>) -> Result<Environment, XmlError> {
    let mut environment = Environment::default();
    while xml.next_node()? == Node::Start {
        match xml.name() {
            "id" => environment.id = xml.read_text()?.trim().to_owned(),
            "name" | "description" => texts(xml, &mut environment.texts)?,
            "display_order" => environment.display_order = order(xml)?,
            "grouplist" => group_ids(xml, &mut environment.group_ids)?,
            "optionlist" => group_ids(xml, &mut environment.option_ids)?,
            _ => xml.skip()?,
        }
    }
    check_id(xml, "environment", &environment.id, &environment.texts)?;
    Ok(environment)
}

fn check_id<R: BufRead>(xml: &XmlReader<R>, what: &str, id: &str, texts: &Texts) -> Result<(), XmlError> {
    if id.is_empty() {
        return Err(xml.content(format!("the {what} `{}` has no id", excerpt(&texts.name))));
    }
    Ok(())
}

/// A name or description, of some language or of none.
fn texts<R: BufRead>(xml: &mut XmlReader<R>, texts: &mut Texts) -> Result<(), XmlError> {
    let is_name = xml.name() == "name";
    let lang = xml.attribute_or_empty("xml:lang");
    let text = xml.read_text()?;
    let (plain, by_lang) = if is_name {
        (&mut texts.name, &mut texts.name_by_lang)
    } else {
        (&mut texts.description, &mut texts.desc_by_lang)
    };
    if lang.is_empty() {
        *plain = text;
    } else {
        by_lang.insert(lang, text);
    }
    Ok(())
}

fn flag<R: BufRead>(xml: &mut XmlReader<R>) -> Result<bool, XmlError> {
    Ok(is_true(&xml.read_text()?))
}

fn is_true(text: &str) -> bool {
    let text = text.trim();
    text == "1" || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")
}

/// A number; what is none counts as not said.
fn order<R: BufRead>(xml: &mut XmlReader<R>) -> Result<Option<i64>, XmlError> {
    Ok(xml.read_text()?.trim().parse().ok())
}

fn packages<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<GroupPackage>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() != "packagereq" {
            xml.skip()?;
            continue;
        }
        let kind = xml.attribute("type").map_or(GroupPackageKind::default(), GroupPackageKind::from_name);
        let requires = xml.attribute_or_empty("requires");
        let basearch_only = xml.attribute("basearchonly").is_some_and(is_true);
        let name = xml.read_text()?.trim().to_owned();
        if list.len() == MAX_ITEMS {
            return Err(too_many(xml));
        }
        list.push(GroupPackage { name, kind, basearch_only, requires });
    }
    Ok(())
}

fn group_ids<R: BufRead>(xml: &mut XmlReader<R>, list: &mut Vec<GroupId>) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() != "groupid" {
            xml.skip()?;
            continue;
        }
        let default = xml.attribute("default").is_some_and(is_true);
        let name = xml.read_text()?.trim().to_owned();
        if list.len() == MAX_ITEMS {
            return Err(too_many(xml));
        }
        list.push(GroupId { name, default });
    }
    Ok(())
}

fn langpacks<R: BufRead>(xml: &mut XmlReader<R>, langpacks: &mut Langpacks) -> Result<(), XmlError> {
    while xml.next_node()? == Node::Start {
        if xml.name() == "match" {
            langpacks.insert(xml.attribute_or_empty("name"), xml.attribute_or_empty("install"));
        }
        if langpacks.len() > MAX_ITEMS {
            return Err(too_many(xml));
        }
        xml.skip()?;
    }
    Ok(())
}

fn too_many<R: BufRead>(xml: &XmlReader<R>) -> XmlError {
    xml.content(format!("there are more than {MAX_ITEMS} items of one kind"))
}
