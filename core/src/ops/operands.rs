//! The objects that a request for an operation of a format's own names.

use std::collections::BTreeSet;

use super::configured;
use crate::db::{Conn, repositories};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::plugin::{Operand, Operands};
use crate::resource::{Errors, Kind, Resource, Scope, Target, Unresolved};

/// Looks them up within the caller's transaction.
pub struct NamedOperands<'a> {
    scope: &'a Scope<'a>,
    conn: &'a mut Conn,
    used: BTreeSet<Used>,
    names_unknown: bool,
}

/// A repository that was named, and the permission on it that this takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Used {
    pub repository: Id,
    pub permission: String,
}

impl<'a> NamedOperands<'a> {
    pub fn new(scope: &'a Scope<'a>, conn: &'a mut Conn) -> Self {
        Self { scope, conn, used: BTreeSet::new(), names_unknown: false }
    }

    /// What was found of what the request names; none when it names nothing at all.
    pub fn into_used(self) -> Option<BTreeSet<Used>> {
        (self.names_unknown || !self.used.is_empty()).then_some(self.used)
    }

    /// Notes the use that is made of a repository.
    fn operand(&mut self, pulp_type: &str, repository: Id, permission: fn(&Resource) -> String) -> Result<Operand> {
        let resource = self.scope.registry.typed(Kind::Repository, pulp_type);
        let resource = resource.ok_or_else(|| Error::internal(format!("no repositories of type `{pulp_type}`")))?;
        self.used.insert(Used { repository, permission: permission(resource) });
        Ok(Operand { repository, prn: resource.prn(repository) })
    }

    fn resolve(&mut self, target: Target, text: &str) -> Result<Result<Id, String>> {
        let found = self.scope.registry.resolve(self.scope, self.conn, target, text)?;
        self.names_unknown |= found.is_err();
        Ok(found.map_err(|unresolved| unresolved.message(self.scope)))
    }
}

impl Operands for NamedOperands<'_> {
    fn domain(&self) -> Id {
        self.scope.domain
    }

    fn repository(&mut self, pulp_type: &'static str, text: &str) -> Result<Result<Operand, String>> {
        match self.resolve(Target::Typed(Kind::Repository, pulp_type), text)? {
            Ok(id) => self.operand(pulp_type, id, Resource::modify_permission).map(Ok),
            Err(message) => Ok(Err(message)),
        }
    }

    fn repositories(&mut self, pulp_type: &'static str) -> Result<Vec<Operand>> {
        let mut found = repositories::types(self.conn, self.scope.domain, None)?;
        found.retain(|(_, other)| other == pulp_type);
        found.into_iter().map(|(id, _)| self.operand(pulp_type, id, Resource::modify_permission)).collect()
    }

    fn version(&mut self, pulp_type: &'static str, text: &str) -> Result<Result<(Id, Operand), String>> {
        let version = match self.resolve(Target::Kind(Kind::RepositoryVersion), text)? {
            Ok(version) => version,
            Err(message) => return Ok(Err(message)),
        };
        let (repository, found, _) = repositories::owner(self.conn, version)?;
        if found != pulp_type {
            return Ok(Err(Unresolved::OtherType.message(self.scope)));
        }
        Ok(Ok((version, self.operand(pulp_type, repository, Resource::view_permission)?)))
    }

    fn numbered_version(&mut self, repository: Id, number: i64) -> Result<Result<Id, String>> {
        match repositories::version(self.conn, repository, number) {
            Err(Error::NotFound(_)) => Ok(Err(Unresolved::Absent.message(self.scope))),
            found => found.map(Ok),
        }
    }

    fn units(&mut self, field: &str, texts: &[String], errors: &mut Errors) -> Result<Vec<Id>> {
        configured::content_units(self.scope, self.conn, field, texts, errors)
    }
}
