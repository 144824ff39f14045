//! Packages in numbers: names, versions and dependencies each once, however many packages share them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::capability::Expression;
use crate::evr::Evr;
use crate::package::{Dependency, Package};

/// A package of the pool.
pub(crate) type Index = u32;

/// A repository, by a number that the caller gives it.
pub(crate) type Place = u16;

/// One capability that is asked for.
pub(super) type Relation = u32;

/// What a package requires.
#[derive(Clone, Debug)]
pub(super) enum Requirement {
    One(Relation),
    Rich(Rich),
    /// Nobody can say what it means.
    Unreadable,
}

/// An expression over capabilities.
#[derive(Clone, Debug)]
pub(super) enum Rich {
    One(Relation),
    And(Vec<Rich>),
    Or(Vec<Rich>),
    With(Vec<Rich>),
    Without(Box<Rich>, Box<Rich>),
    If { then: Box<Rich>, condition: Box<Rich>, otherwise: Option<Box<Rich>>, holds_if: bool },
}

pub(super) struct Entry {
    pub name: u32,
    pub arch: u32,
    pub evr: Evr,
    pub is_modular: bool,
    pub requires: Box<[u32]>,
    pub conflicts: Box<[Relation]>,
    pub obsoletes: Box<[Relation]>,
    pub places: Vec<Place>,
}

/// See [`PoolBuilder`].
pub(crate) struct Pool {
    pub(super) entries: Vec<Entry>,
    names: Names,
    relations: Vec<Dependency>,
    requirements: Vec<(String, Requirement)>,
    /// By the name of what is provided: who, and in which version.
    provides: HashMap<u32, Vec<(Index, u32)>>,
    provided: Vec<Dependency>,
    files: HashMap<String, Vec<Index>>,
    by_name: HashMap<u32, Vec<Index>>,
    /// By relation, once somebody asked.
    providers: RefCell<HashMap<Relation, Arc<[Index]>>>,
    /// The architecture of most packages.
    pub(super) main_arch: u32,
}

/// Gathers packages.
#[derive(Default)]
pub(crate) struct PoolBuilder {
    entries: Vec<Entry>,
    names: Names,
    relations: Table<Dependency>,
    provided: Table<Dependency>,
    requirements: Table<Dependency>,
    provides: HashMap<u32, Vec<(Index, u32)>>,
    files: HashMap<String, Vec<Index>>,
}

/// Values by their numbers and the other way round.
struct Table<T> {
    numbers: HashMap<T, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new() }
    }
}

impl<T: std::hash::Hash + Eq> Table<T> {
    fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(value).or_insert(next)
    }

    fn into_list(self) -> Vec<T> {
        let mut list: Vec<_> = self.numbers.into_iter().collect();
        list.sort_unstable_by_key(|(_, number)| *number);
        list.into_iter().map(|(value, _)| value).collect()
    }
}

/// Names of packages, capabilities and architectures.
#[derive(Default)]
struct Names {
    table: Table<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        match self.table.numbers.get(name) {
            Some(number) => *number,
            None => self.table.number(name.to_owned()),
        }
    }

    fn find(&self, name: &str) -> Option<u32> {
        self.table.numbers.get(name).copied()
    }
}

impl PoolBuilder {
    /// Adds a package that lies in these places; of its files those that `primary` lists.
    pub(crate) fn add(&mut self, package: &Package, is_modular: bool, places: Vec<Place>) -> Index {
        let index = Index::try_from(self.entries.len()).unwrap_or(Index::MAX);
        let name = self.names.number(&package.name);
        let arch = self.names.number(&package.arch);
        let is_source = is_source(&package.arch);
        if !is_source {
            self.add_provides(package, index);
        }
        let without_pre = |dependency: &Dependency| Dependency { pre: false, ..dependency.clone() };
        // What rpm itself can do is none of a repository's business.
        let asked = package.requires.iter().filter(|one| !one.name.starts_with("rpmlib("));
        let requires = asked.map(|one| self.requirements.number(without_pre(one))).collect();
        let mut relations =
            |list: &[Dependency]| list.iter().map(|one| self.relations.number(without_pre(one))).collect();
        let (conflicts, obsoletes) = (relations(&package.conflicts), relations(&package.obsoletes));
        self.entries.push(Entry { name, arch, evr: package.evr(), is_modular, requires, conflicts, obsoletes, places });
        index
    }

    fn add_provides(&mut self, package: &Package, index: Index) {
        for provided in &package.provides {
            let name = self.names.number(&provided.name);
            let number = self.provided.number(Dependency { pre: false, ..provided.clone() });
            self.provides.entry(name).or_default().push((index, number));
        }
        for file in &package.files {
            // Source packages alone have files below no root.
            if file.path.starts_with('/') {
                self.files.entry(file.path.clone()).or_default().push(index);
            }
        }
    }

    pub(crate) fn finish(mut self) -> Pool {
        let texts = self.requirements.into_list();
        let requirements = texts.into_iter().map(|one| (shown(&one), read(one, &mut self.relations))).collect();
        let relations = self.relations.into_list();
        let asked: HashSet<&str> =
            relations.iter().map(|one| one.name.as_str()).filter(|name| name.starts_with('/')).collect();
        self.files.retain(|path, _| asked.contains(path.as_str()));
        let mut by_name: HashMap<u32, Vec<Index>> = HashMap::new();
        let mut arches: HashMap<u32, usize> = HashMap::new();
        let (noarch, sources) = (self.names.find("noarch"), ["src", "nosrc"].map(|name| self.names.find(name)));
        for (entry, index) in self.entries.iter().zip(0..) {
            by_name.entry(entry.name).or_default().push(index);
            if Some(entry.arch) != noarch && !sources.contains(&Some(entry.arch)) {
                *arches.entry(entry.arch).or_default() += 1;
            }
        }
        let main_arch = arches.into_iter().max_by_key(|(arch, count)| (*count, *arch)).map(|(arch, _)| arch);
        Pool {
            main_arch: main_arch.or(noarch).unwrap_or_default(),
            entries: self.entries,
            names: self.names,
            relations,
            requirements,
            provides: self.provides,
            provided: self.provided.into_list(),
            files: self.files,
            by_name,
            providers: RefCell::default(),
        }
    }
}

fn is_source(arch: &str) -> bool {
    matches!(arch, "src" | "nosrc")
}

fn shown(dependency: &Dependency) -> String {
    let sign = match dependency.flags.as_str() {
        "EQ" => "=",
        "LT" => "<",
        "LE" => "<=",
        "GT" => ">",
        "GE" => ">=",
        _ => return dependency.name.clone(),
    };
    format!("{} {sign} {}", dependency.name, dependency.evr())
}

fn read(dependency: Dependency, relations: &mut Table<Dependency>) -> Requirement {
    if !dependency.name.starts_with('(') {
        return Requirement::One(relations.number(dependency));
    }
    match Expression::parse(&dependency.name) {
        Ok(expression) => Requirement::Rich(rich(expression, relations)),
        Err(_) => Requirement::Unreadable,
    }
}

fn rich(expression: Expression, relations: &mut Table<Dependency>) -> Rich {
    let mut list = |list: Vec<Expression>| list.into_iter().map(|one| rich(one, relations)).collect();
    match expression {
        Expression::Capability(one) => Rich::One(relations.number(one)),
        Expression::And(all) => Rich::And(list(all)),
        Expression::Or(all) => Rich::Or(list(all)),
        Expression::With(all) => Rich::With(list(all)),
        Expression::Without(one, other) => {
            Rich::Without(Box::new(rich(*one, relations)), Box::new(rich(*other, relations)))
        }
        Expression::If { then, condition, otherwise } => conditional(*then, *condition, otherwise, true, relations),
        Expression::Unless { then, condition, otherwise } => {
            conditional(*then, *condition, otherwise, false, relations)
        }
    }
}

fn conditional(
    then: Expression,
    condition: Expression,
    otherwise: Option<Box<Expression>>,
    holds_if: bool,
    relations: &mut Table<Dependency>,
) -> Rich {
    Rich::If {
        then: Box::new(rich(then, relations)),
        condition: Box::new(rich(condition, relations)),
        otherwise: otherwise.map(|other| Box::new(rich(*other, relations))),
        holds_if,
    }
}

impl Pool {
    /// The packages that lie there.
    pub(crate) fn of_place(&self, place: Place) -> impl Iterator<Item = Index> + '_ {
        self.entries.iter().zip(0..).filter(move |(entry, _)| entry.places.contains(&place)).map(|(_, index)| index)
    }

    /// Adds a file that `primary` does not list. Only paths that some package of the pool asks for count.
    pub(crate) fn add_file(&mut self, path: &str, package: Index) {
        let list = self.files.entry(path.to_owned()).or_default();
        if !list.contains(&package) {
            list.push(package);
        }
        self.providers.borrow_mut().clear();
    }

    pub(super) fn entry(&self, package: Index) -> &Entry {
        &self.entries[package as usize]
    }

    /// What a requirement is, and as a text.
    pub(super) fn requirement(&self, number: u32) -> &(String, Requirement) {
        &self.requirements[number as usize]
    }

    pub(super) fn is_source(&self, package: Index) -> bool {
        let arch = self.entry(package).arch;
        ["src", "nosrc"].iter().any(|name| self.names.find(name) == Some(arch))
    }

    pub(super) fn is_noarch(&self, arch: u32) -> bool {
        self.names.find("noarch") == Some(arch)
    }

    /// Whether a package is called as the capability is.
    pub(super) fn is_called(&self, package: Index, relation: Relation) -> bool {
        self.names.find(&self.relations[relation as usize].name) == Some(self.entry(package).name)
    }

    /// The packages that provide a capability, each once.
    pub(super) fn providers(&self, relation: Relation) -> Arc<[Index]> {
        if let Some(known) = self.providers.borrow().get(&relation) {
            return known.clone();
        }
        let wanted = &self.relations[relation as usize];
        let named = self.names.find(&wanted.name).and_then(|name| self.provides.get(&name));
        let fits = |(_, version): &&(Index, u32)| self.provided[*version as usize].satisfies(wanted);
        let mut found: Vec<Index> = named.into_iter().flatten().filter(fits).map(|(index, _)| *index).collect();
        found.extend(self.files.get(&wanted.name).into_iter().flatten());
        found.sort_unstable();
        found.dedup();
        let found: Arc<[Index]> = found.into();
        self.providers.borrow_mut().insert(relation, found.clone());
        found
    }

    /// The packages that provide something of that name, in whatever version.
    pub(super) fn of_any_version(&self, relation: Relation) -> impl Iterator<Item = Index> + '_ {
        let named = self.names.find(&self.relations[relation as usize].name);
        named.and_then(|name| self.provides.get(&name)).into_iter().flatten().map(|(index, _)| *index)
    }

    /// The packages of the name and versions that something obsoletes.
    pub(super) fn named(&self, relation: Relation) -> Vec<Index> {
        let wanted = &self.relations[relation as usize];
        let named = self.names.find(&wanted.name).and_then(|name| self.by_name.get(&name));
        let itself = |package: &&Index| {
            let Evr { epoch, version, release } = self.entry(**package).evr.clone();
            let name = wanted.name.clone();
            let own = Dependency { name, flags: "EQ".into(), epoch: epoch.to_string(), version, release, pre: false };
            own.satisfies(wanted)
        };
        named.into_iter().flatten().filter(itself).copied().collect()
    }
}
