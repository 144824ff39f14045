//! Where packages lie, and which of the places a destination's clients see.

use super::{Index, Place, Pool, Route};

/// The places of all packages, as they are filled.
pub(super) struct Places<'a> {
    routes: &'a [Route],
    of_package: Vec<Vec<Place>>,
    /// The greatest place and one.
    count: usize,
}

/// What clients of one destination see.
pub(super) struct View {
    destination: Place,
    /// By place: it is this destination or one that clients have beside it.
    visible: Vec<bool>,
    /// By place: packages may come from it to a visible place.
    sources: Vec<bool>,
}

impl<'a> Places<'a> {
    pub fn new(pool: &Pool, routes: &'a [Route]) -> Self {
        let of_package: Vec<Vec<Place>> = pool.entries.iter().map(|entry| entry.places.clone()).collect();
        let named = routes.iter().flat_map(|route| [route.source, route.destination]);
        let count = of_package.iter().flatten().copied().chain(named).max().map_or(0, |place| usize::from(place) + 1);
        Self { routes, of_package, count }
    }

    pub fn put(&mut self, package: Index, place: Place) {
        let places = &mut self.of_package[package as usize];
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// Destinations that are filled from other sources belong to one system; those that are filled from the same
    /// source are copies of each other, of which a client has one.
    pub fn view(&self, destination: Place) -> View {
        let feeds = |place: Place| self.routes.iter().filter(move |route| route.destination == place);
        let shares = |other: Place| feeds(other).any(|route| feeds(destination).any(|own| own.source == route.source));
        let mut visible = vec![false; self.count.max(usize::from(destination) + 1)];
        visible[usize::from(destination)] = true;
        for route in self.routes.iter().filter(|route| !shares(route.destination)) {
            visible[usize::from(route.destination)] = true;
        }
        let mut sources = vec![false; visible.len()];
        for route in self.routes.iter().filter(|route| visible[usize::from(route.destination)]) {
            sources[usize::from(route.source)] = true;
        }
        View { destination, visible, sources }
    }

    fn is_in(&self, package: Index, places: &[bool]) -> bool {
        self.of_package[package as usize].iter().any(|place| places.get(usize::from(*place)) == Some(&true))
    }

    pub fn is_visible(&self, view: &View, package: Index) -> bool {
        self.is_in(package, &view.visible)
    }

    /// Whether it is seen or can be brought.
    pub fn is_within_reach(&self, view: &View, package: Index) -> bool {
        self.is_visible(view, package) || self.is_in(package, &view.sources)
    }

    /// Whether it can be brought into the destination itself.
    pub fn is_near(&self, view: &View, package: Index) -> bool {
        let own = self.routes.iter().filter(|route| route.destination == view.destination);
        own.map(|route| route.source).any(|source| self.of_package[package as usize].contains(&source))
    }

    /// Where a package has to be put to be seen; none when it is.
    pub fn destination(&self, view: &View, package: Index) -> Option<Place> {
        if self.is_visible(view, package) {
            return None;
        }
        if self.is_near(view, package) {
            return Some(view.destination);
        }
        let places = &self.of_package[package as usize];
        let leads = |route: &&Route| places.contains(&route.source) && view.visible[usize::from(route.destination)];
        self.routes.iter().find(leads).map(|route| route.destination)
    }
}
