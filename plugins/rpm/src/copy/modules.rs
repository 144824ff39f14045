//! Modules: which depend on which, and the packages that they are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use pith_core::error::Result;
use pith_core::id::Id;
use pith_core::plugin::VersionUnits;
use serde_json::Value as Json;

use crate::content::modulemd::MODULEMD;
use crate::evr::Nevra;
use crate::updateinfo;

/// Modules read together; one can name thousands of packages.
const PAGE: i64 = 200;

/// One module in one build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ModuleKey {
    name: String,
    stream: String,
    arch: String,
    version: u64,
    context: String,
}

impl ModuleKey {
    /// The module that an advisory is about.
    pub fn of(module: &updateinfo::Module) -> Self {
        let updateinfo::Module { name, stream, version, context, arch } = module.clone();
        Self { name, stream, arch, version, context }
    }
}

/// Modules that are to be copied.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chosen {
    pub units: BTreeSet<Id>,
    /// The packages that they are made of.
    pub artifacts: HashSet<Nevra>,
}

impl Chosen {
    fn add(&mut self, module: &Module) -> bool {
        self.artifacts.extend(module.artifacts());
        self.units.insert(module.id)
    }
}

#[derive(Debug)]
struct Module {
    id: Id,
    key: ModuleKey,
    artifacts: Json,
    /// Alternatives, each of which names the streams that will do of each module.
    dependencies: Json,
}

impl Module {
    fn artifacts(&self) -> impl Iterator<Item = Nevra> + '_ {
        let texts = self.artifacts.as_array().into_iter().flatten().filter_map(Json::as_str);
        texts.filter_map(|text| Nevra::parse(text).ok())
    }
}

/// The modules of these ids and keys. With `there` also those that they depend on and that neither are chosen nor
/// there; without it those of the keys do not bring their packages, since whoever names them names packages too.
pub(super) async fn choose(
    source: &VersionUnits,
    there: Option<&VersionUnits>,
    ids: &BTreeSet<Id>,
    keys: &BTreeSet<ModuleKey>,
) -> Result<Chosen> {
    let modules = read(source).await?;
    let there = match there {
        Some(there) => Some(read(there).await?),
        None => None,
    };
    Ok(select(&modules, there.as_deref(), ids, keys))
}

/// The newest module of each stream that has any of these packages.
pub(super) async fn containing(source: &VersionUnits, packages: &HashSet<Nevra>) -> Result<BTreeSet<Id>> {
    let mut newest: BTreeMap<(String, String, String), &Module> = BTreeMap::new();
    let modules = read(source).await?;
    for module in modules.iter().filter(|module| module.artifacts().any(|nevra| packages.contains(&nevra))) {
        let ModuleKey { name, stream, arch, .. } = module.key.clone();
        let best = newest.entry((name, stream, arch)).or_insert(module);
        if module.key > best.key {
            *best = module;
        }
    }
    Ok(newest.into_values().map(|module| module.id).collect())
}

async fn read(source: &VersionUnits) -> Result<Vec<Module>> {
    const COLUMNS: &[&str] = &["name", "stream", "version", "context", "arch", "artifacts", "dependencies"];
    let (mut modules, mut after) = (vec![], None);
    loop {
        let page = source.page(MODULEMD, COLUMNS, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(modules) };
        after = Some(last.id);
        for row in &page {
            let version: String = row.get(2)?;
            let key = ModuleKey {
                name: row.get(0)?,
                stream: row.get(1)?,
                arch: row.get(4)?,
                version: version.parse().unwrap_or(0),
                context: row.get(3)?,
            };
            modules.push(Module { id: row.id, key, artifacts: row.get(5)?, dependencies: row.get(6)? });
        }
    }
}

fn select(modules: &[Module], there: Option<&[Module]>, ids: &BTreeSet<Id>, keys: &BTreeSet<ModuleKey>) -> Chosen {
    let mut chosen = Chosen::default();
    let mut open: Vec<&Module> =
        modules.iter().filter(|module| ids.contains(&module.id) || keys.contains(&module.key)).collect();
    let Some(there) = there else {
        chosen.units.extend(open.iter().map(|module| module.id));
        chosen.artifacts.extend(open.iter().filter(|module| ids.contains(&module.id)).flat_map(|one| one.artifacts()));
        return chosen;
    };
    let mut held: HashMap<&str, Vec<&Module>> = HashMap::new();
    for module in there.iter().chain(open.iter().copied()) {
        held.entry(&module.key.name).or_default().push(module);
    }
    while let Some(module) = open.pop() {
        if !chosen.add(module) {
            continue;
        }
        for needed in needed(module, modules, &held) {
            held.entry(&needed.key.name).or_default().push(needed);
            open.push(needed);
        }
    }
    chosen
}

/// What the first alternative that can be met needs of the modules.
fn needed<'a>(module: &Module, modules: &'a [Module], held: &HashMap<&str, Vec<&Module>>) -> Vec<&'a Module> {
    let alternatives = module.dependencies.as_array().into_iter().flatten().filter_map(Json::as_object);
    for alternative in alternatives {
        // Of what clients say, all is required.
        let alternative = alternative.get("requires").and_then(Json::as_object).unwrap_or(alternative);
        let mut found = vec![];
        let is_met = alternative.iter().filter(|(name, _)| *name != "platform").all(|(name, streams)| {
            let fits =
                |one: &&Module| one.key.name == *name && one.key.arch == module.key.arch && does(&one.key, streams);
            if held.get(name.as_str()).is_some_and(|held| held.iter().any(&fits)) {
                return true;
            }
            let Some(best) = modules.iter().filter(fits).max_by_key(|one| &one.key) else { return false };
            // In all contexts: which of them a client takes depends on its platform.
            let builds =
                |one: &&Module| fits(one) && one.key.stream == best.key.stream && one.key.version == best.key.version;
            found.extend(modules.iter().filter(builds));
            true
        });
        if is_met {
            return found;
        }
    }
    vec![]
}

/// Whether a stream is among those that do: any if none is named, and none that has a minus in front.
fn does(key: &ModuleKey, streams: &Json) -> bool {
    let mut streams = streams.as_array().into_iter().flatten().filter_map(Json::as_str).peekable();
    let (mut is_named, mut excludes_only) = (false, true);
    if streams.peek().is_none() {
        return true;
    }
    for stream in streams {
        match stream.strip_prefix('-') {
            Some(excluded) if excluded == key.stream => return false,
            Some(_) => {}
            None => {
                excludes_only = false;
                is_named |= stream == key.stream;
            }
        }
    }
    is_named || excludes_only
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn module(name: &str, stream: &str, version: u64, context: &str, dependencies: Json) -> Module {
        let [key_name, stream, context] = [name, stream, context].map(str::to_owned);
        let key = ModuleKey { name: key_name, stream, arch: "x86_64".to_owned(), version, context };
        let artifacts = json!([format!("{name}-0:{version}-1.x86_64"), "not a package"]);
        Module { id: Id::new(), key, artifacts, dependencies }
    }

    fn names(modules: &[Module], chosen: &Chosen) -> Vec<String> {
        let chosen = modules.iter().filter(|module| chosen.units.contains(&module.id));
        chosen.map(|module| format!("{}:{}:{}", module.key.name, module.key.stream, module.key.context)).collect()
    }

    #[test]
    fn modules_bring_what_they_depend_on() {
        let modules = [
            module("node", "11", 1, "a", json!([{"requires": {"platform": ["el8"], "sql": ["9", "10"]}}])),
            module("sql", "9", 1, "a", json!([])),
            module("sql", "10", 1, "a", json!([{"platform": []}])),
            module("sql", "10", 2, "a", json!([])),
            module("sql", "10", 2, "b", json!([{"tool": ["-1"]}])),
            module("sql", "12", 2, "a", json!([])),
            module("tool", "1", 1, "a", json!([])),
            module("tool", "2", 1, "a", json!([{"absent": ["x"]}, {"node": []}])),
        ];
        let ids = BTreeSet::from([modules[0].id]);
        let none = BTreeSet::new();
        let alone = select(&modules, None, &ids, &none);
        assert_eq!(names(&modules, &alone), ["node:11:a"]);
        assert_eq!(alone.artifacts.len(), 1);
        let named = select(&modules, None, &BTreeSet::new(), &BTreeSet::from([modules[0].key.clone()]));
        assert_eq!((names(&modules, &named), named.artifacts.len()), (vec!["node:11:a".to_owned()], 0));
        let all = select(&modules, Some(&[]), &ids, &none);
        // `9` is the greater text.
        assert_eq!(names(&modules, &all), ["node:11:a", "sql:9:a"]);
        let there = [module("sql", "9", 1, "z", json!([]))];
        assert_eq!(names(&modules, &select(&modules, Some(&there), &ids, &none)), ["node:11:a"]);
        let keys = BTreeSet::from([modules[4].key.clone()]);
        let by_key = select(&modules, Some(&[]), &BTreeSet::new(), &keys);
        assert_eq!(names(&modules, &by_key), ["node:11:a", "sql:10:b", "tool:2:a"]);
    }
}
