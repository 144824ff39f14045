//! Writing `comps.xml`, element by element.

use super::{Category, Comps, Environment, Group, GroupId, Langpacks, Texts};
use crate::xml::escape::{push_element, push_indent, push_text, push_utf8_attribute};

/// What a document begins with.
pub const HEADER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <!DOCTYPE comps PUBLIC \"-//Red Hat, Inc.//DTD Comps info//EN\" \"comps.dtd\">\n<comps>\n";

/// What a document ends with.
pub const FOOTER: &str = "</comps>\n";

/// A whole document.
pub fn render(comps: &Comps) -> String {
    let mut out = HEADER.to_owned();
    out.extend(comps.groups.iter().map(render_group));
    out.extend(comps.categories.iter().map(render_category));
    out.extend(comps.environments.iter().map(render_environment));
    out.push_str(&render_langpacks(&comps.langpacks));
    out.push_str(FOOTER);
    out
}

/// The element of a group, on lines of its own.
pub fn render_group(group: &Group) -> String {
    let mut out = start("group", &group.id, &group.texts);
    push_element(&mut out, 4, "default", truth(group.default));
    push_element(&mut out, 4, "uservisible", truth(group.user_visible));
    push_order(&mut out, group.display_order);
    if group.biarch_only {
        push_element(&mut out, 4, "biarchonly", "true");
    }
    if !group.lang_only.is_empty() {
        push_element(&mut out, 4, "langonly", &group.lang_only);
    }
    out.push_str("    <packagelist>\n");
    for package in &group.packages {
        out.push_str("      <packagereq");
        if package.basearch_only {
            push_utf8_attribute(&mut out, "basearchonly", "true");
        }
        for (name, value) in [("type", package.kind.as_str()), ("requires", &package.requires)] {
            if !value.is_empty() {
                push_utf8_attribute(&mut out, name, value);
            }
        }
        out.push('>');
        push_text(&mut out, &package.name);
        out.push_str("</packagereq>\n");
    }
    out.push_str("    </packagelist>\n  </group>\n");
    out
}

/// The element of a category, on lines of its own.
pub fn render_category(category: &Category) -> String {
    let mut out = start("category", &category.id, &category.texts);
    push_order(&mut out, category.display_order);
    push_group_ids(&mut out, "grouplist", &category.group_ids);
    out.push_str("  </category>\n");
    out
}

/// The element of an environment, on lines of its own.
pub fn render_environment(environment: &Environment) -> String {
    let mut out = start("environment", &environment.id, &environment.texts);
    push_order(&mut out, environment.display_order);
    push_group_ids(&mut out, "grouplist", &environment.group_ids);
    push_group_ids(&mut out, "optionlist", &environment.option_ids);
    out.push_str("  </environment>\n");
    out
}

/// The element of all language packs, on lines of its own; nothing for none.
pub fn render_langpacks(langpacks: &Langpacks) -> String {
    let mut out = String::new();
    if langpacks.is_empty() {
        return out;
    }
    out.push_str("  <langpacks>\n");
    for (name, install) in langpacks {
        out.push_str("    <match");
        push_utf8_attribute(&mut out, "name", name);
        push_utf8_attribute(&mut out, "install", install);
        out.push_str("/>\n");
    }
    out.push_str("  </langpacks>\n");
    out
}

fn start(element: &str, id: &str, texts: &Texts) -> String {
    let mut out = format!("  <{element}>\n");
    push_element(&mut out, 4, "id", id);
    for (name, plain, by_lang) in
        [("name", &texts.name, &texts.name_by_lang), ("description", &texts.description, &texts.desc_by_lang)]
    {
        push_element(&mut out, 4, name, plain);
        for (lang, text) in by_lang {
            push_indent(&mut out, 4);
            out.push('<');
            out.push_str(name);
            push_utf8_attribute(&mut out, "xml:lang", lang);
            out.push('>');
            push_text(&mut out, text);
            out.push_str("</");
            out.push_str(name);
            out.push_str(">\n");
        }
    }
    out
}

fn push_order(out: &mut String, order: Option<i64>) {
    if let Some(order) = order {
        push_element(out, 4, "display_order", &order.to_string());
    }
}

fn push_group_ids(out: &mut String, name: &str, ids: &[GroupId]) {
    push_indent(out, 4);
    out.push_str(&format!("<{name}>\n"));
    for id in ids {
        out.push_str("      <groupid");
        if id.default {
            push_utf8_attribute(out, "default", "true");
        }
        out.push('>');
        push_text(out, &id.name);
        out.push_str("</groupid>\n");
    }
    push_indent(out, 4);
    out.push_str(&format!("</{name}>\n"));
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
