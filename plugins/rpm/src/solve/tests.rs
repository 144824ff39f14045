//! Small worlds by hand, and random ones against what an installation is.

use std::collections::BTreeSet;

use super::*;
use crate::capability::Expression;
use crate::package::{Dependency, File, FileKind, Package};

const SOURCE: Place = 0;
const TARGET: Place = 1;
const ROUTE: [Route; 1] = [Route { source: SOURCE, destination: TARGET }];

fn dependency(text: &str) -> Dependency {
    if text.starts_with('(') {
        return Dependency { name: text.to_owned(), ..Dependency::default() };
    }
    Expression::parse(text).unwrap().capabilities()[0].clone()
}

fn dependencies(text: &str) -> Vec<Dependency> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(dependency).collect()
}

/// `name version arch: requires; provides; conflicts; obsoletes; files`
fn package(line: &str) -> Package {
    let (head, rest) = line.split_once(':').unwrap_or((line, ""));
    let mut words = head.split_whitespace();
    let name = words.next().unwrap().to_owned();
    let version = words.next().unwrap_or("1").to_owned();
    let arch = words.next().unwrap_or("x86_64").to_owned();
    let mut lists = rest.split(';');
    let mut list = || dependencies(lists.next().unwrap_or_default());
    let (requires, mut provides, conflicts, obsoletes) = (list(), list(), list(), list());
    provides.push(dependency(&format!("{name} = {version}-1")));
    let file = |path: &str| File { kind: FileKind::File, path: path.trim().to_owned(), digest: None };
    let files = lists.next().map(|paths| paths.split(',').map(file).collect()).unwrap_or_default();
    let release = "1".to_owned();
    Package { name, version, release, arch, requires, provides, conflicts, obsoletes, files, ..Package::default() }
}

struct World {
    pool: Pool,
    names: Vec<String>,
}

impl World {
    fn new(places: &[(Place, &str)]) -> Self {
        let (mut builder, mut names) = (PoolBuilder::default(), vec![]);
        for (place, lines) in places {
            for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let package = package(line);
                builder.add(&package, line.contains("(modular)"), vec![*place]);
                names.push(format!("{}-{}.{}", package.name, package.version, package.arch));
            }
        }
        Self { pool: builder.finish(), names }
    }

    fn index(&self, name: &str) -> Index {
        let found = self.names.iter().position(|one| one == name || one.starts_with(&format!("{name}-")));
        u32::try_from(found.unwrap_or_else(|| panic!("no {name}"))).unwrap()
    }

    fn name(&self, index: Index) -> &str {
        self.names[index as usize].strip_suffix(".x86_64").unwrap_or(&self.names[index as usize])
    }

    fn solve(&self, wanted: &[&str], upgrade: bool) -> Solution {
        let wanted: Vec<_> = wanted.iter().map(|name| (TARGET, self.index(name))).collect();
        solve(&self.pool, &ROUTE, &wanted, upgrade)
    }

    fn added(&self, wanted: &[&str]) -> Vec<&str> {
        let mut names: Vec<_> =
            self.solve(wanted, false).added.into_iter().map(|(_, index)| self.name(index)).collect();
        names.sort_unstable();
        names
    }

    fn unresolved(&self, wanted: &[&str]) -> Vec<String> {
        self.solve(wanted, false).unresolved.into_iter().map(|(_, text)| text).collect()
    }
}

fn check(source: &str, target: &str, wanted: &str, expected: &str) {
    let world = World::new(&[(SOURCE, source), (TARGET, target)]);
    let expected: Vec<_> = expected.split_whitespace().collect();
    assert_eq!(world.added(&[wanted]), expected, "{wanted} of {source}");
}

#[test]
fn what_is_required_comes_along() {
    check("a: b\nb: c, d\nc: a\nd\ne", "", "a", "b-1 c-1 d-1");
    check("a: virtual\nb: ; virtual = 2", "", "a", "b-1");
    check("a: b >= 2\nb 1\nb 2\nb 3", "", "a", "b-3");
    check("a: b < 3\nb 1\nb 2\nb 3", "", "a", "b-2");
    check("a: /usr/bin/b\nb: ; ; ; ; /usr/bin/b", "", "a", "b-1");
    check("a: b, rpmlib(X) <= 1\nb", "", "a", "b-1");
    check("a 1 src: b\nb", "", "a", "");
}

#[test]
fn what_the_destination_has_is_left_as_it_is() {
    check("a: b\nb 2", "b 1", "a", "");
    check("a: b >= 2\nb 2", "b 1", "a", "b-2");
    check("a: b\nb 2: c\nc", "b 1: c", "a", "c-1");
    let world = World::new(&[(SOURCE, "a: b\nb 2"), (TARGET, "b 1")]);
    let upgraded = world.solve(&["a"], true).added;
    assert_eq!(upgraded.into_iter().map(|(_, index)| world.name(index)).collect::<Vec<_>>(), ["b-2"]);
}

#[test]
fn the_architecture_is_kept() {
    check("a: b\nb 1\nb 1 i686", "", "a", "b-1");
    check("a 1 i686: b\nb 1 x86_64\nb 1 i686", "", "a", "b-1.i686");
    check("a 1 noarch: b\nb 2 i686\nb 1\nc 1", "", "a", "b-1");
    check("a: b\nb 1 i686", "", "a", "b-1.i686");
}

#[test]
fn expressions_are_understood() {
    check("a: (b or c)\nb\nc", "", "a", "b-1");
    check("a: (b or c)\nb\nc", "c", "a", "");
    check("a: (b and c)\nb\nc", "", "a", "b-1 c-1");
    check("a: (b >= 1 with b < 3)\nb 1\nb 2\nb 3", "", "a", "b-2");
    check("a: (v without c)\nb: ; v\nc: ; v", "", "a", "b-1");
    check("a: (b if c)\nb\nc", "", "a", "");
    check("a: (b if c)\nb", "c", "a", "b-1");
    check("a: (b if c), d\nb\nc\nd: c", "", "a", "b-1 c-1 d-1");
    check("a: (b if c else d)\nb\nd", "", "a", "d-1");
    check("a: (b unless c)\nb", "", "a", "b-1");
    check("a: ((b and c) or d)\nb\nc", "", "a", "b-1 c-1");
}

#[test]
fn what_cannot_be_installed_is_avoided() {
    // The first choice of each leads nowhere.
    check("a: v\nb: x = 2; v\nc: ; v\nx 1", "", "a", "c-1");
    check("a: v\nb: d; v\nc: ; v\nd: x = 2\nx 1", "", "a", "c-1");
    check("a: b, c = 1\nb 3: c = 3\nb 2: c = 2\nb 1: c = 1\nc 1\nc 2\nc 3", "", "a", "b-1 c-1");
    check("a: v, c\nb: ; v; c\nc\nd: ; v", "", "a", "c-1 d-1");
    check("a: v, c\nb: ; v\nc: ; ; ; b\nd: ; v", "", "a", "c-1 d-1");
    check(
        "a: libx.so.1, x\nx 3: xlibs = 3\nx 1: xlibs = 1\nxlibs 3: ; libx.so.3\nxlibs 1: ; libx.so.1",
        "",
        "a",
        "x-1 xlibs-1",
    );
    // What the destination has does not do.
    check("a: libx.so.1, x\nx 1: xlibs = 1\nxlibs 1: ; libx.so.1", "x 3: xlibs = 3\nxlibs 3", "a", "x-1 xlibs-1");
}

#[test]
fn what_can_only_be_had_apart_is_copied_all_the_same() {
    check("a: b = 1, c\nb 1\nb 2\nc: b = 2", "", "a", "b-1 b-2 c-1");
    let world = World::new(&[(SOURCE, "a: b, nothing, (oddity\nb: x = 2\nx 1")]);
    assert_eq!(world.added(&["a"]), ["b-1"]);
    assert_eq!(world.unresolved(&["a"]), ["(oddity", "nothing", "x = 2"]);
}

#[test]
fn modular_packages_are_for_those_who_ask_for_them() {
    let world = World::new(&[(SOURCE, "a: v\nb 1: ; v, (modular)\nc: ; v\nd: v, (modular)")]);
    assert_eq!(world.added(&["a"]), ["c-1"]);
}

#[test]
fn files_of_which_primary_does_not_tell_are_asked_for() {
    let mut world = World::new(&[(SOURCE, "a: /usr/lib/x\nb\nc: /usr/share/y")]);
    let first = world.solve(&["a"], false);
    assert_eq!(first.unknown_paths.into_iter().collect::<Vec<_>>(), ["/usr/lib/x"]);
    world.pool.add_file("/usr/lib/x", 1);
    let second = world.solve(&["a"], false);
    assert_eq!((second.added.len(), second.unknown_paths.len()), (1, 0));
}

#[test]
fn several_repositories_are_one_system_unless_they_are_copies() {
    let world = World::new(&[(0, "a: b"), (1, "b: c\nc")]);
    let system = [Route { source: 0, destination: 2 }, Route { source: 1, destination: 3 }];
    let (a, b, c) = (world.index("a"), world.index("b"), world.index("c"));
    assert_eq!(solve(&world.pool, &system, &[(2, a)], false).added, BTreeSet::from([(3, b), (3, c)]));
    let world = World::new(&[(0, "a: b\nb")]);
    let copies = [Route { source: 0, destination: 2 }, Route { source: 0, destination: 3 }];
    let (a, b) = (world.index("a"), world.index("b"));
    let both = solve(&world.pool, &copies, &[(2, a), (3, a)], false).added;
    assert_eq!(both, BTreeSet::from([(2, b), (3, b)]));
}

/// xorshift: the same worlds everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Names `p0` to `p5` in up to three versions, each requiring up to two others, some with a version.
fn random_world(random: &mut Random) -> Vec<String> {
    let mut lines = vec![];
    for name in 0..6 {
        for version in 1..=1 + random.below(3) {
            let requires: Vec<String> = (0..random.below(3))
                .map(|_| {
                    let other = random.below(6);
                    match random.below(3) {
                        0 => format!("p{other}"),
                        1 => format!("p{other} = {}", 1 + random.below(3)),
                        _ => format!("(p{other} or p{})", random.below(6)),
                    }
                })
                .collect();
            let conflicts = if random.below(5) == 0 { format!("p{}", random.below(6)) } else { String::new() };
            lines.push(format!("p{name} {version}: {};; {conflicts}", requires.join(", ")));
        }
    }
    lines
}

/// Whether a set of packages is an installation: one version of each name, all requirements met, no conflicts.
fn is_installation(packages: &[&Package]) -> bool {
    let provides = |wanted: &Dependency| packages.iter().any(|package| package.provides(wanted));
    let met = |wanted: &Dependency| match Expression::parse(&wanted.name) {
        Ok(Expression::Or(all)) => all.iter().any(|one| matches!(one, Expression::Capability(one) if provides(one))),
        _ => provides(wanted),
    };
    let names: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    names.len() == packages.len()
        && packages.iter().all(|package| {
            let hurt =
                |wanted: &Dependency| packages.iter().any(|other| other.name != package.name && other.provides(wanted));
            package.requires.iter().all(met) && !package.conflicts.iter().any(hurt)
        })
}

/// Whether `root` is in an installation made of these.
fn is_installable(root: &Package, from: &[&Package], chosen: &mut Vec<Package>) -> bool {
    let mut others: Vec<Vec<&Package>> = vec![];
    for package in from.iter().filter(|package| package.name != root.name) {
        match others.iter_mut().find(|list| list[0].name == package.name) {
            Some(list) => list.push(package),
            None => others.push(vec![package]),
        }
    }
    let combinations: usize = others.iter().map(|list| list.len() + 1).product();
    (0..combinations).any(|mut number| {
        let mut packages = vec![root];
        for list in &others {
            let (at, rest) = (number % (list.len() + 1), number / (list.len() + 1));
            number = rest;
            packages.extend(at.checked_sub(1).map(|at| list[at]));
        }
        let found = is_installation(&packages);
        if found {
            *chosen = packages.into_iter().cloned().collect();
        }
        found
    })
}

#[test]
fn what_the_source_can_install_the_destination_can() {
    let mut random = Random(0x5eed_0001);
    let (mut installable, mut lost) = (0, vec![]);
    for _ in 0..400 {
        let lines = random_world(&mut random);
        let packages: Vec<Package> = lines.iter().map(|line| package(line)).collect();
        let mut builder = PoolBuilder::default();
        // Some are in the destination already.
        for package in &packages {
            builder.add(package, false, if random.below(4) == 0 { vec![SOURCE, TARGET] } else { vec![SOURCE] });
        }
        let pool = builder.finish();
        let all: Vec<&Package> = packages.iter().collect();
        for (root, index) in packages.iter().zip(0..) {
            if !is_installable(root, &all, &mut vec![]) {
                continue;
            }
            installable += 1;
            let solution = solve(&pool, &ROUTE, &[(TARGET, index)], false);
            let has = |at: u32| pool.entry(at).places.contains(&TARGET) || solution.added.contains(&(TARGET, at));
            let there: Vec<&Package> =
                packages.iter().zip(0..).filter(|(_, at)| has(*at)).map(|(one, _)| one).collect();
            if !is_installable(root, &there, &mut vec![]) {
                lost.push((lines.clone(), index));
            }
        }
    }
    assert!(installable > 1000, "{installable}");
    assert!(lost.is_empty(), "{} of {installable}: {:#?}", lost.len(), lost.first());
}

#[test]
fn it_ends_and_is_the_same_each_time() {
    // Everything conflicts with something of everything else.
    let lines: Vec<String> = (0..40)
        .flat_map(|name| (1..8).map(move |version| (name, version)))
        .map(|(name, version)| {
            format!(
                "p{name} {version}: p{}, p{};; p{} = {}",
                (name + 1) % 40,
                (name + 7) % 40,
                (name + 1) % 40,
                version
            )
        })
        .collect();
    let world = World::new(&[(SOURCE, &lines.join("\n"))]);
    let first = world.solve(&["p0"], false);
    assert_eq!(first, world.solve(&["p0"], false));
    assert!(!first.is_cut_short);
}
