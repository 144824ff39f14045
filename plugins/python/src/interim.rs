//! For the time being.
use std::sync::Arc;
use async_trait::async_trait;
use pith_core::error::{Error, Result};
use pith_core::plugin::*;
use pith_core::resource::kinds::Names;
use pith_core::resource::{Field, Resource};
use serde_json::{Map, Value as Json, json};

fn names(what: &'static str, model: &'static str, pulp_type: &'static str, path: &'static str, operations: &'static str) -> Names {
    Names { app: "python", model, noun: "python thing", pulp_type, path, operations, href_parameter: what, tag: "Python", description: "x" }
}

#[derive(Debug)]
pub struct PythonPlugin;

#[async_trait]
impl Plugin for PythonPlugin {
    fn name(&self) -> &'static str { "python" }
    fn version(&self) -> &'static str { "3.37.1" }
    fn package(&self) -> (&'static str, &'static str) { ("pulp-python", "pulp_python.app") }
    fn migrations(&self) -> Migrations {
        Migrations { component: "python", steps: &[("0001_initial", include_str!("../../../migrations/python/interim.sql"))] }
    }
    fn resources(&self) -> Vec<Resource> {
        vec![
            Resource::repository(names("python_python_repository_href", "PythonRepository", "python.python", "repositories/python/python/", "repositories_python_python"), Owned::new("python", "pythonrepository").labelled().action("modify")),
            Resource::distribution(names("python_python_distribution_href", "PythonDistribution", "python.python", "distributions/python/pypi/", "distributions_python_pypi"), Owned::new("python", "pythondistribution").labelled())
                .with_fields([Field::boolean("allow_uploads", "x", true).default(json!(true)).detail()]),
        ]
    }
    fn content_types(&self) -> Vec<Arc<dyn ContentType>> {
        vec![Arc::new(Type("python.python")), Arc::new(Type("python.provenance")), Arc::new(Type("python.yank"))]
    }
    fn face(&self) -> Option<Arc<dyn Face>> { Some(Arc::new(crate::face::PypiFace)) }
}

struct Type(&'static str);

const COLUMNS: &[&str] = &["sha256", "filename", "name", "name_normalized", "version", "packagetype", "python_version", "size", "metadata_sha256", "requires_python", "metadata_version", "summary", "description", "classifiers", "requires_dist", "project_urls"];

#[async_trait]
impl ContentType for Type {
    fn pulp_type(&self) -> &'static str { self.0 }
    fn table(&self) -> DetailTable {
        match self.0 {
            "python.python" => DetailTable { name: "python_package", columns: COLUMNS, natural_key: &[0] },
            "python.provenance" => DetailTable { name: "python_provenance", columns: &["package_sha256", "name_normalized", "filename", "provenance", "sha256"], natural_key: &[4] },
            _ => DetailTable { name: "python_yank", columns: &["name_normalized", "version", "yanked_reason"], natural_key: &[0, 1, 2] },
        }
    }
    fn resource(&self) -> Resource {
        let n = match self.0 {
            "python.python" => names("python_python_package_content_href", "PythonPackageContent", "python.python", "content/python/packages/", "content_python_packages"),
            "python.provenance" => names("python_package_provenance_href", "PackageProvenance", "python.provenance", "content/python/provenance/", "content_python_provenance"),
            _ => names("python_yank_href", "PackageYank", "python.yank", "content/python/yanks/", "content_python_yanks"),
        };
        Resource::file_content(n, self.table().name, "pythonrepository")
    }
    fn reads_file(&self) -> bool { true }
    async fn inspect(&self, file: &Inspection, given: &Map<String, Json>) -> Result<Inspected> {
        let filename = given["relative_path"].as_str().unwrap_or_default().to_owned();
        let path = file.path.clone().ok_or_else(|| Error::internal("no path"))?;
        let name = filename.clone();
        let package = crate::archive::inspect(&path, &name).map_err(|error| Error::field("content", error.to_string()))?;
        let m = &package.metadata;
        let columns: Vec<Value> = vec![
            file.digests.sha256.as_str().into(), filename.as_str().into(), m.name.as_str().into(), package.file.name().normalized().into(), m.version.as_str().into(),
            package.file.package_type().as_str().into(), package.file.python_version().into(), i64::try_from(file.size).unwrap_or(0).into(), Value::Null, m.requires_python.as_str().into(),
            m.metadata_version.as_str().into(), m.summary.as_str().into(), m.description.as_str().into(), json!(m.classifiers).into(), json!(m.requires_dist).into(), json!(m.project_urls).into(),
        ];
        let files = vec![UnitFile { relative_path: filename.parse().map_err(Error::internal)?, sha256: Some(file.digests.sha256.clone()) }];
        Ok(Unit { columns, repo_key: Some(filename), files }.into())
    }
}
