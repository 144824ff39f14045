//! Exporters, exports, importers and imports as rows, and what an export reads of versions.

use serde_json::Value as Json;

use super::versions::Version;
use super::{Conn, Row, Value};
use crate::error::{Error, Result};
use crate::id::{Id, Sha256, now};
use crate::params;

/// The repositories of an exporter, in the order that they were named in.
pub fn repositories(conn: &mut Conn, exporter: Id) -> Result<Vec<(Id, String)>> {
    let rows = conn.query(
        "SELECT r.id, r.pulp_type FROM exporter_repository e JOIN repository r ON r.id = e.repository_id
         WHERE e.exporter_id = $1 ORDER BY e.position",
        params![exporter],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

pub fn set_repositories(conn: &mut Conn, exporter: Id, repositories: &[Id]) -> Result<()> {
    conn.execute("DELETE FROM exporter_repository WHERE exporter_id = $1", params![exporter])?;
    let row = |(at, id): (usize, &Id)| vec![exporter.into(), Value::Int(at as i64), (*id).into()];
    let rows: Vec<_> = repositories.iter().enumerate().map(row).collect();
    conn.insert_all("exporter_repository", &["exporter_id", "position", "repository_id"], &rows)?;
    Ok(())
}

/// An exporter.
#[derive(Clone, Debug)]
pub struct Exporter {
    pub name: String,
    pub path: String,
    pub method: Option<String>,
    pub last_export: Option<Id>,
}

/// # Errors
/// `NotFound` when it is gone.
pub fn exporter(conn: &mut Conn, id: Id) -> Result<Exporter> {
    let row = conn.query_opt("SELECT name, path, method, last_export_id FROM exporter WHERE id = $1", params![id])?;
    let row = row.ok_or_else(|| Error::not_found("Exporter"))?;
    Ok(Exporter { name: row.get(0)?, path: row.get(1)?, method: row.get(2)?, last_export: row.get(3)? })
}

/// An export that is complete.
#[derive(Clone, Debug)]
pub struct NewExport {
    pub id: Id,
    pub domain: Id,
    pub exporter: Id,
    pub task: Id,
    pub params: Json,
    pub output_file_info: Option<Json>,
    pub toc_info: Option<Json>,
    pub versions: Vec<Id>,
    pub publication: Option<Id>,
}

/// Notes an export, which the next incremental one of its exporter starts from.
pub fn insert_export(conn: &mut Conn, export: &NewExport) -> Result<()> {
    let now = now();
    conn.execute(
        "INSERT INTO export (id, domain_id, created, updated, exporter_id, task_id, params, output_file_info, toc_info)
         VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8)",
        params![
            export.id,
            export.domain,
            now,
            export.exporter,
            export.task,
            export.params.clone(),
            export.output_file_info.clone(),
            export.toc_info.clone()
        ],
    )?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    for version in &export.versions {
        rows.push(vec![export.id.into(), Value::Int(rows.len() as i64), (*version).into(), Value::Null]);
    }
    if let Some(publication) = export.publication {
        rows.push(vec![export.id.into(), Value::Int(rows.len() as i64), Value::Null, publication.into()]);
    }
    conn.insert_all("exported_resource", &["export_id", "position", "repository_version_id", "publication_id"], &rows)?;
    conn.execute(
        "UPDATE exporter SET last_export_id = $2, updated = $3 WHERE id = $1",
        params![export.exporter, export.id, now],
    )?;
    Ok(())
}

/// Forgets an export; no exporter starts from it any more. The files stay.
pub fn delete_export(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("UPDATE exporter SET last_export_id = NULL WHERE last_export_id = $1", params![id])?;
    conn.execute("DELETE FROM export WHERE id = $1", params![id])?;
    Ok(())
}

/// The versions that an export had.
pub fn exported_versions(conn: &mut Conn, export: Id) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT repository_version_id FROM exported_resource
         WHERE export_id = $1 AND repository_version_id IS NOT NULL ORDER BY position",
        params![export],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// The repositories of an importer by the names that exports have for them.
pub fn mapping(conn: &mut Conn, importer: Id) -> Result<Vec<(String, Id)>> {
    let rows = conn.query(
        "SELECT source_name, repository_id FROM importer_repository WHERE importer_id = $1 ORDER BY source_name",
        params![importer],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

pub fn set_mapping(conn: &mut Conn, importer: Id, mapping: &[(String, Id)]) -> Result<()> {
    conn.execute("DELETE FROM importer_repository WHERE importer_id = $1", params![importer])?;
    let row = |(name, id): &(String, Id)| vec![importer.into(), name.into(), (*id).into()];
    let rows: Vec<_> = mapping.iter().map(row).collect();
    conn.insert_all("importer_repository", &["importer_id", "source_name", "repository_id"], &rows)?;
    Ok(())
}

/// A repository by its name, with its type; one that clients do not see is not found.
pub fn repository_named(conn: &mut Conn, domain: Id, name: &str) -> Result<Option<(Id, String)>> {
    let row = conn.query_opt(
        "SELECT id, pulp_type FROM repository WHERE domain_id = $1 AND name = $2 AND NOT user_hidden",
        params![domain, name],
    )?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// Notes an import.
pub fn insert_import(conn: &mut Conn, domain: Id, importer: Id, task: Id, params: &Json) -> Result<Id> {
    let (id, now) = (Id::new(), now());
    conn.execute(
        "INSERT INTO import (id, domain_id, created, updated, importer_id, task_id, params)
         VALUES ($1, $2, $3, $3, $4, $5, $6)",
        params![id, domain, now, importer, task, params.clone()],
    )?;
    Ok(id)
}

pub fn delete_import(conn: &mut Conn, id: Id) -> Result<()> {
    conn.execute("DELETE FROM import WHERE id = $1", params![id]).map(drop)
}

/// What all repositories say of themselves.
#[derive(Clone, Debug)]
pub struct RepositoryFacts {
    pub pulp_type: String,
    pub name: String,
    pub description: Option<String>,
    pub retain_repo_versions: Option<i64>,
    pub retain_checkpoints: Option<i64>,
    pub labels: Json,
    pub details: Json,
}

/// # Errors
/// `NotFound` when it is gone.
pub fn repository_facts(conn: &mut Conn, id: Id) -> Result<RepositoryFacts> {
    let row = conn.query_opt(
        "SELECT pulp_type, name, description, retain_repo_versions, retain_checkpoints, labels, details
         FROM repository WHERE id = $1",
        params![id],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Repository"))?;
    Ok(RepositoryFacts {
        pulp_type: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        retain_repo_versions: row.get(3)?,
        retain_checkpoints: row.get(4)?,
        labels: row.get(5)?,
        details: row.get(6)?,
    })
}

/// An artifact with all that an export says of it.
#[derive(Clone, Debug)]
pub struct ExportedArtifact {
    pub id: Id,
    pub sha256: Sha256,
    pub size: u64,
    /// md5, sha1, sha224, sha384, sha512.
    pub digests: [Option<String>; 5],
}

/// The artifacts of these units.
pub fn artifacts(conn: &mut Conn, units: &[Id]) -> Result<Vec<ExportedArtifact>> {
    let rows = conn.query(
        "SELECT DISTINCT a.id, a.sha256, a.size, a.md5, a.sha1, a.sha224, a.sha384, a.sha512
         FROM content_artifact u CROSS JOIN artifact a WHERE u.content_id = ANY($1) AND a.id = u.artifact_id ORDER BY a.id",
        params![units.to_vec()],
    )?;
    let one = |row: &Row| {
        Ok(ExportedArtifact {
            id: row.get(0)?,
            sha256: row.get(1)?,
            size: u64::try_from(row.get::<i64>(2)?).map_err(Error::internal)?,
            digests: [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?],
        })
    };
    rows.iter().map(one).collect()
}

/// Those of the artifacts that a version has.
pub fn present_artifacts(conn: &mut Conn, version: Version, artifacts: &[Id]) -> Result<Vec<Id>> {
    let rows = conn.query(
        "SELECT DISTINCT u.artifact_id FROM content_artifact u CROSS JOIN repository_content rc
         WHERE u.artifact_id = ANY($1) AND rc.repository_id = $2 AND rc.content_id = u.content_id
             AND rc.version_added <= $3 AND (rc.version_removed IS NULL OR rc.version_removed > $3)",
        params![artifacts.to_vec(), version.repository, version.number],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// One file of a unit in an export: unit, digest of the artifact (none while only an upstream has it), path.
pub type FileRow = (Id, Option<Sha256>, String);

/// The files of these units, by unit and path.
pub fn files(conn: &mut Conn, units: &[Id]) -> Result<Vec<FileRow>> {
    let rows = conn.query(
        "SELECT u.content_id, a.sha256, u.relative_path FROM content_artifact u
         LEFT JOIN artifact a ON a.id = u.artifact_id WHERE u.content_id = ANY($1)
         ORDER BY u.content_id, u.relative_path",
        params![units.to_vec()],
    )?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
}

/// The labels of these units, as far as they have any.
pub fn labels(conn: &mut Conn, units: &[Id]) -> Result<std::collections::HashMap<Id, Json>> {
    let rows = conn.query("SELECT id, labels FROM content WHERE id = ANY($1)", params![units.to_vec()])?;
    let mut labels = std::collections::HashMap::new();
    for row in rows {
        let found: Json = row.get(1)?;
        if found.as_object().is_some_and(|map| !map.is_empty()) {
            labels.insert(row.get(0)?, found);
        }
    }
    Ok(labels)
}
