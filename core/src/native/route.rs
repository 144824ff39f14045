//! Which operation of a face a path below its distribution leads to.

use crate::plugin::{FaceMethod, FaceOperation, Slash};

/// The operations of one face.
pub struct Routes {
    operations: Vec<FaceOperation>,
    /// The operation's position and a pattern that leads to it, in segments.
    patterns: Vec<(usize, Vec<&'static str>)>,
}

pub enum Way {
    /// The operation's id, and the values of its parameters.
    Found(&'static str, Vec<(&'static str, String)>),
    /// The same with a slash at its end.
    Slash,
    /// Another method would do.
    Methods(&'static str),
    Nowhere,
}

impl Routes {
    pub fn new(operations: Vec<FaceOperation>) -> Self {
        let of_operation = |(at, operation): (usize, &FaceOperation)| {
            let routes = operation.routes().into_iter();
            routes.map(move |route| (at, route.split('/').collect())).collect::<Vec<_>>()
        };
        let patterns = operations.iter().enumerate().flat_map(of_operation).collect();
        Self { operations, patterns }
    }

    /// `rest` is what follows the base path and its slash; none when there is not even that. No method is one that
    /// no operation has.
    pub fn find(&self, method: Option<FaceMethod>, rest: Option<&str>) -> Way {
        let path = rest.unwrap_or_default();
        let mut others = (false, false);
        for (at, pattern) in &self.patterns {
            let operation = &self.operations[*at];
            let Some((parameters, has_slash)) = matches(pattern, path) else { continue };
            if method != Some(operation.method) {
                match operation.method {
                    FaceMethod::Get => others.0 = true,
                    FaceMethod::Post => others.1 = true,
                }
                continue;
            }
            let is_read = operation.method == FaceMethod::Get;
            return match has_slash && rest.is_some() || operation.slash == Slash::Optional || !is_read {
                true => Way::Found(operation.id, parameters),
                false => Way::Slash,
            };
        }
        match others {
            (true, true) => Way::Methods("GET, HEAD, POST"),
            (true, false) => Way::Methods("GET, HEAD"),
            (false, true) => Way::Methods("POST"),
            (false, false) => Way::Nowhere,
        }
    }

    /// As [`Routes::find`], of the operations that the content face has too.
    pub fn on_content_face(&self, rest: &str) -> Way {
        for (at, pattern) in &self.patterns {
            let operation = &self.operations[*at];
            if operation.on_content_face
                && let Some((parameters, has_slash)) = matches(pattern, rest)
            {
                return match has_slash || operation.slash == Slash::Optional {
                    true => Way::Found(operation.id, parameters),
                    false => Way::Slash,
                };
            }
        }
        Way::Nowhere
    }

    /// The method of the operation, and the group and the action as which access policies know it.
    pub fn policy(&self, operation: &str) -> Option<(FaceMethod, &'static str, &'static str)> {
        self.operations.iter().find(|one| one.id == operation).map(|one| (one.method, one.group, one.action))
    }

    /// The name of the part of the operation's form that is a file.
    pub fn file(&self, operation: &str) -> Option<&'static str> {
        self.operations.iter().find(|one| one.id == operation)?.doc.file
    }
}

type Parameters = Vec<(&'static str, String)>;

/// The parameters of a path that fits, and whether it has the slash that the pattern ends with.
fn matches(pattern: &[&'static str], path: &str) -> Option<(Parameters, bool)> {
    let mut parameters = Vec::new();
    let mut given = path.split('/');
    for (at, expected) in pattern.iter().enumerate() {
        match given.next() {
            None if at + 1 == pattern.len() && expected.is_empty() => return Some((parameters, false)),
            None => return None,
            Some(segment) => match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(_) if segment.is_empty() => return None,
                Some(name) => parameters.push((name, segment.to_owned())),
                None if *expected == segment => {}
                None => return None,
            },
        }
    }
    given.next().is_none().then_some((parameters, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::FaceDoc;

    fn operation(id: &'static str, method: FaceMethod, path: &'static str, slash: Slash) -> FaceOperation {
        let (group, action, doc) = ("all", id, FaceDoc::default());
        FaceOperation { id, method, group, action, path, routes: &[], slash, on_content_face: false, doc }
    }

    fn check(method: Option<FaceMethod>, rest: Option<&str>, expected: &str) {
        let mut json = operation("json", FaceMethod::Get, "pypi/{meta}/", Slash::Optional);
        json.routes = &["pypi/{p}/json/", "pypi/{p}/{v}/json/"];
        let routes = Routes::new(vec![
            operation("root", FaceMethod::Get, "", Slash::Optional),
            operation("index", FaceMethod::Get, "simple/", Slash::Redirected),
            operation("upload", FaceMethod::Post, "simple/", Slash::Redirected),
            operation("project", FaceMethod::Get, "simple/{package}/", Slash::Redirected),
            json,
            operation("feed", FaceMethod::Get, "rss/all.xml", Slash::Redirected),
        ]);
        let found = match routes.find(method, rest) {
            Way::Found(id, parameters) => {
                let values: Vec<_> = parameters.into_iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{id}{}", values.concat())
            }
            Way::Slash => "slash".into(),
            Way::Methods(names) => names.into(),
            Way::Nowhere => "nowhere".into(),
        };
        assert_eq!(found, expected, "{method:?} {rest:?}");
    }

    #[test]
    fn a_path_leads_to_one_operation() {
        let (get, post) = (Some(FaceMethod::Get), Some(FaceMethod::Post));
        check(get, None, "root");
        check(get, Some(""), "root");
        check(get, Some("simple/"), "index");
        check(get, Some("simple"), "slash");
        check(post, Some("simple"), "upload");
        check(post, Some("simple/"), "upload");
        check(None, Some("simple/"), "GET, HEAD, POST");
        check(get, Some("simple/a/"), "project package=a");
        check(get, Some("simple/a"), "slash");
        check(get, Some("simple//"), "nowhere");
        check(get, Some("simple/a/b/"), "nowhere");
        check(post, Some("simple/a/"), "GET, HEAD");
        check(get, Some("pypi/a/json"), "json p=a");
        check(get, Some("pypi/a/1/json/"), "json p=a v=1");
        check(get, Some("pypi/a/1/2/json/"), "nowhere");
        check(get, Some("rss/all.xml"), "feed");
        check(get, Some("rss/all.xml/"), "nowhere");
    }
}
