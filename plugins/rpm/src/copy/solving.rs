//! Brings the packages of sources and destinations before the solver.

use std::collections::{BTreeSet, HashMap, HashSet};

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{OperationJob, VersionUnits};

use super::plan::{Needed, Plan};
use crate::content::package::{PACKAGE, read_files, read_primary};
use crate::evr::Nevra;
use crate::solve::{self, Index, Place, Pool, PoolBuilder, Route, Solution};

/// Ids, packages and lists of files read together.
const IDS: i64 = 20_000;
const PACKAGES: i64 = 1000;
const LISTS: i64 = 200;

/// How often paths may turn up that only full lists of files tell of.
const SCANS: usize = 3;

/// The packages, read once.
pub(super) struct Solver {
    /// None while another thread has it.
    pool: Option<Pool>,
    packages: Vec<Known>,
    index: HashMap<Id, Index>,
    routes: Vec<Route>,
    versions: Vec<VersionUnits>,
    /// What is copied as a whole.
    whole: Vec<(Place, Index)>,
}

struct Known {
    id: Id,
    nevra: Nevra,
    is_modular: bool,
}

/// What destinations need.
pub(super) struct Solved {
    pub added: Vec<Needed>,
    /// Packages and what they require that nothing provides.
    pub unresolved: BTreeSet<(String, String)>,
    pub is_cut_short: bool,
}

/// The versions at hand by their places: destinations come first, in the order of the plan.
struct Layout {
    versions: Vec<VersionUnits>,
    routes: Vec<Route>,
    /// A source that is copied as a whole lies in its destinations too.
    doubled: Vec<Route>,
}

fn place(at: usize) -> Result<Place> {
    Place::try_from(at).map_err(Error::internal)
}

impl Layout {
    fn of(plan: &Plan) -> Result<Self> {
        let mut versions: Vec<VersionUnits> = plan.targets.iter().map(|target| target.there.clone()).collect();
        let destinations = versions.len();
        let (mut routes, mut doubled) = (vec![], vec![]);
        for selection in &plan.selections {
            let id = selection.source.version().id;
            let known = versions.iter().skip(destinations).position(|version| version.version().id == id);
            let at = match known {
                Some(at) => destinations + at,
                None => {
                    versions.push(selection.source.clone());
                    versions.len() - 1
                }
            };
            let route = Route { source: place(at)?, destination: place(selection.target)? };
            if !routes.contains(&route) {
                routes.push(route);
            }
            if selection.is_whole() {
                doubled.push(route);
            }
        }
        Ok(Self { versions, routes, doubled })
    }

    /// In which places each package lies.
    async fn places(&self, job: &dyn OperationJob) -> Result<HashMap<Id, Vec<Place>>> {
        let mut places: HashMap<Id, Vec<Place>> = HashMap::new();
        for (version, at) in self.versions.iter().zip(0..) {
            let source = place(at)?;
            let mut own = vec![source];
            own.extend(self.doubled.iter().filter(|route| route.source == source).map(|route| route.destination));
            let mut after = None;
            loop {
                job.check()?;
                let page = version.page(PACKAGE, &[], after, IDS).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                for row in &page {
                    let of_package = places.entry(row.id).or_default();
                    for place in &own {
                        if !of_package.contains(place) {
                            of_package.push(*place);
                        }
                    }
                }
            }
        }
        Ok(places)
    }
}

impl Solver {
    /// Reads what all packages provide and require. Costs the size of the versions.
    pub async fn load(job: &dyn OperationJob, plan: &Plan) -> Result<Self> {
        let layout = Layout::of(plan)?;
        let mut places = layout.places(job).await?;
        let (mut builder, mut packages) = (PoolBuilder::default(), vec![]);
        for version in &layout.versions {
            let mut after = None;
            loop {
                job.check()?;
                let page = version.page(PACKAGE, &["is_modular", "primary_xml"], after, PACKAGES).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                let mut fresh = vec![];
                for row in &page {
                    if let Some(places) = places.remove(&row.id) {
                        fresh.push((row.id, places, row.get::<bool>(0)?, row.get::<Vec<u8>>(1)?));
                    }
                }
                let read = tokio::task::spawn_blocking(move || read(builder, fresh));
                let (grown, read) = read.await.map_err(Error::internal)??;
                builder = grown;
                packages.extend(read);
            }
        }
        let index: HashMap<Id, Index> = packages.iter().zip(0..).map(|(known, at)| (known.id, at)).collect();
        let pool = tokio::task::spawn_blocking(move || builder.finish()).await.map_err(Error::internal)?;
        let whole = layout.doubled.iter().flat_map(|route| {
            pool.of_place(route.source).map(|package| (route.destination, package)).collect::<Vec<_>>()
        });
        let whole = whole.collect();
        let Layout { versions, routes, .. } = layout;
        Ok(Self { pool: Some(pool), packages, index, routes, versions, whole })
    }

    /// Looks for what the packages of the plan require.
    pub async fn solve(&mut self, plan: &Plan, upgrade: bool) -> Result<Solved> {
        let mut wanted = self.whole.clone();
        for (target, at) in plan.targets.iter().zip(0..) {
            let place = place(at)?;
            wanted.extend(target.add.iter().filter_map(|id| self.index.get(id)).map(|index| (place, *index)));
        }
        let mut known = HashSet::new();
        let mut solution = self.run(&wanted, upgrade).await?;
        for _ in 0..SCANS {
            let paths: HashSet<String> =
                solution.unknown_paths.iter().filter(|path| !known.contains(*path)).cloned().collect();
            if paths.is_empty() {
                break;
            }
            known.extend(paths.iter().cloned());
            self.add_files(paths).await?;
            solution = self.run(&wanted, upgrade).await?;
        }
        Ok(self.told(solution))
    }

    async fn run(&mut self, wanted: &[(Place, Index)], upgrade: bool) -> Result<Solution> {
        let pool = self.pool.take().ok_or_else(|| Error::internal("the pool is away"))?;
        let (routes, wanted) = (self.routes.clone(), wanted.to_vec());
        let solve = move || {
            let solution = solve::solve(&pool, &routes, &wanted, upgrade);
            (pool, solution)
        };
        let (pool, solution) = tokio::task::spawn_blocking(solve).await.map_err(Error::internal)?;
        self.pool = Some(pool);
        Ok(solution)
    }

    /// Looks for these paths in the lists of files of all packages.
    async fn add_files(&mut self, paths: HashSet<String>) -> Result<()> {
        let paths = std::sync::Arc::new(paths);
        for version in &self.versions {
            let mut after = None;
            loop {
                let page = version.page(PACKAGE, &["filelists_xml"], after, LISTS).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                let lists = page.iter().map(|row| Ok((row.id, row.get(0)?))).collect::<Result<Vec<(Id, Vec<u8>)>>>()?;
                let paths = paths.clone();
                let found =
                    tokio::task::spawn_blocking(move || find(lists, &paths)).await.map_err(Error::internal)??;
                for (id, path) in found {
                    if let (Some(index), Some(pool)) = (self.index.get(&id), &mut self.pool) {
                        pool.add_file(&path, *index);
                    }
                }
            }
        }
        Ok(())
    }

    fn told(&self, solution: Solution) -> Solved {
        let known = |index: Index| usize::try_from(index).ok().and_then(|at| self.packages.get(at));
        let needed = |(place, index): (Place, Index)| {
            let known = known(index)?;
            let (package, nevra) = (known.id, known.nevra.clone());
            Some(Needed { target: usize::from(place), package, nevra, is_modular: known.is_modular })
        };
        let unresolved = |(index, requires)| Some((known(index)?.nevra.to_string(), requires));
        Solved {
            added: solution.added.into_iter().filter_map(needed).collect(),
            unresolved: solution.unresolved.into_iter().filter_map(unresolved).collect(),
            is_cut_short: solution.is_cut_short,
        }
    }
}

type Fresh = Vec<(Id, Vec<Place>, bool, Vec<u8>)>;

fn read(mut builder: PoolBuilder, fresh: Fresh) -> Result<(PoolBuilder, Vec<Known>)> {
    let mut known = Vec::with_capacity(fresh.len());
    for (id, places, is_modular, primary) in fresh {
        let package = read_primary(&primary)?;
        builder.add(&package, is_modular, places);
        let nevra = Nevra { name: package.name.clone(), evr: package.evr(), arch: package.arch };
        known.push(Known { id, nevra, is_modular });
    }
    Ok((builder, known))
}

fn find(lists: Vec<(Id, Vec<u8>)>, paths: &HashSet<String>) -> Result<Vec<(Id, String)>> {
    let mut found = vec![];
    for (id, list) in lists {
        let files = read_files(&list, None)?;
        found.extend(files.into_iter().filter(|file| paths.contains(&file.path)).map(|file| (id, file.path)));
    }
    Ok(found)
}
