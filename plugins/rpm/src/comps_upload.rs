//! Uploads of `comps.xml`: its groups, categories, environments and language packs as units, in a repository if one
//! is named.

use pith_core::error::{Error, Result};
use pith_core::id::Id;
use pith_core::plugin::{
    FormatOperation, Operands, OperationAnswer, OperationJob, OperationTask, RepositoryChange, Unit,
};
use pith_core::resource::{Draft, Errors, Field, Kind, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::comps;
use crate::content::comps as content;
use crate::resources::PULP_TYPE;

pub(crate) const WORK: &str = "upload_comps";

#[derive(Debug, Serialize, Deserialize)]
struct Job {
    document: String,
    repository: Option<Id>,
    replace: bool,
}

pub(crate) fn operation() -> FormatOperation {
    let repository = "/pulp/api/v3/repositories/rpm/rpm/01a1fe66-ae0a-7573-bf89-4b840f40d440/";
    FormatOperation {
        id: "rpm_comps_upload",
        path: "rpm/comps/",
        tag: "Rpm: Comps",
        description: "Make groups, categories, environments and language packs of a comps.xml.",
        schema: "CompsXml",
        fields: vec![
            Field::text_file("file", "The comps.xml.").required(),
            Field::href(
                "repository",
                Target::Typed(Kind::Repository, PULP_TYPE),
                "The repository that gets them.",
                repository,
            )
            .input(),
            Field::boolean("replace", "Whether those that the repository has leave it.", false).input(),
        ],
        answer: OperationAnswer::Task,
        prepare,
    }
}

fn prepare(draft: &Draft, operands: &mut dyn Operands, errors: &mut Errors) -> Result<OperationTask> {
    let text = |name: &str| draft.get(name).and_then(Json::as_str);
    let replace = draft.get("replace").and_then(Json::as_bool).unwrap_or(false);
    let mut task =
        OperationTask { work: WORK, name: "pulp_rpm.app.tasks.comps.upload_comps", ..OperationTask::default() };
    let mut repository = None;
    if let Some(named) = text("repository") {
        match operands.repository(PULP_TYPE, named)? {
            Ok(found) => {
                task.exclusive.push(found.prn);
                repository = Some(found.repository);
            }
            Err(message) => errors.add("repository", message),
        }
    }
    task.args = json!(Job { document: text("file").unwrap_or_default().to_owned(), repository, replace });
    Ok(task)
}

/// Makes the units and puts them into the repository. The task names all of them, known or new.
pub(crate) async fn upload(job: &dyn OperationJob) -> Result<Json> {
    let Job { document, repository, replace } = serde_json::from_value(job.args().clone()).map_err(Error::internal)?;
    let units = tokio::task::spawn_blocking(move || units(&document)).await.map_err(Error::internal)??;
    let add = job.store(units).await?;
    if let Some(repository) = repository {
        let remove_types = if replace { content::TYPES.to_vec() } else { vec![] };
        job.change(vec![RepositoryChange { remove_types, add, ..RepositoryChange::of(repository) }]).await?;
    }
    Ok(Json::Null)
}

fn units(document: &str) -> Result<Vec<(&'static str, Unit)>> {
    let read = comps::read(document.as_bytes());
    let read = read.map_err(|problem| Error::field("file", format!("the file is no comps.xml: {problem}")))?;
    Ok(content::units(&read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_units_of_four_types() {
        let document = "<comps><group><id>g</id></group><category><id>c</id></category>\
            <environment><id>e</id></environment>\
            <langpacks><match name=\"a\" install=\"a-%s\"/></langpacks></comps>";
        let types: Vec<_> = units(document).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(types, content::TYPES);
        assert!(units("<comps/>").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_document_is_refused_under_its_field() {
        for document in ["", "text", "<html/>", "<comps><group><id>"] {
            let Err(Error::Invalid(fields)) = units(document) else { panic!("{document}") };
            assert!(fields.contains_key("file"));
        }
    }
}
