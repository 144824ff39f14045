//! The dumps of one repository's version, written to staged files in one pass over its units.

use serde_json::{Value as Json, json};

use super::LABELS;
use crate::app::App;
use crate::db::exchange as rows;
use crate::error::{Error, Result};
use crate::exchange::{CONTENT_ARTIFACTS, Facts, MAPPING, RowWriter, text};
use crate::id::Id;
use crate::plugin::{Exchange, ExchangedContent, UnitRow, VersionUnits};
use crate::storage::{DigestSet, Staged, StagingWriter};
use crate::tasks::{Progress, TaskContext};

/// Units read together.
const PAGE: i64 = 1000;
/// So much of a dump is gathered before it goes to the disk.
const BLOCK: u64 = 256;

/// A dump on its way to the disk.
pub struct Dump {
    name: String,
    rows: RowWriter,
    file: StagingWriter,
}

impl Dump {
    pub fn new(app: &App, name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), rows: RowWriter::default(), file: app.storage.stage(DigestSet::sha256())? })
    }

    pub async fn add(&mut self, facts: &Facts) -> Result<()> {
        self.rows.add(facts).map_err(Error::internal)?;
        if self.rows.rows().is_multiple_of(BLOCK) {
            self.file.write(self.rows.take().into()).await?;
        }
        Ok(())
    }

    pub async fn finish(self) -> Result<(String, Staged)> {
        let Self { name, rows, mut file } = self;
        file.write(rows.finish().into()).await?;
        Ok((format!("{name}.json"), file.finish().await?))
    }
}

/// What is dumped, and what is told on the way.
pub struct VersionDump<'a> {
    pub app: &'a App,
    pub context: &'a TaskContext,
    pub exchange: &'a Exchange,
    pub units: &'a VersionUnits,
    pub progress: &'a Progress,
    pub repository: &'a rows::RepositoryFacts,
}

impl VersionDump<'_> {
    /// All dumps, by their names with `.json`, in the order in which they are read again.
    ///
    /// # Errors
    /// `Conflict` naming a file that only an upstream has.
    pub async fn write(&self) -> Result<Vec<(String, Staged)>> {
        let mut done = vec![self.settings().await?];
        let mut files = Dump::new(self.app, CONTENT_ARTIFACTS)?;
        let mut mapping = self.exchange.maps_content.then(|| self.mapping()).transpose()?;
        for content in &self.exchange.units {
            done.extend(self.content(content.as_ref(), &mut files, mapping.as_mut()).await?);
        }
        for name in self.exchange.expected {
            if done.iter().any(|(file, _)| file.strip_suffix(".json") == Some(name)) {
                continue;
            }
            done.push(Dump::new(self.app, name)?.finish().await?);
        }
        done.push(files.finish().await?);
        if let Some(mut mapping) = mapping {
            mapping.text.push_str("]}");
            mapping.flush().await?;
            done.push((format!("{MAPPING}.json"), mapping.file.finish().await?));
        }
        Ok(done)
    }

    async fn settings(&self) -> Result<(String, Staged)> {
        let mut dump = Dump::new(self.app, self.exchange.repository.name)?;
        let mut facts = repository_row(self.app, self.repository);
        for (name, value) in self.exchange.repository.facts(&self.repository.details) {
            facts.0.insert(name.to_owned(), value);
        }
        dump.add(&facts).await?;
        dump.finish().await
    }

    fn mapping(&self) -> Result<Mapping> {
        let start = format!("{{{}: [", json!(self.repository.name));
        Ok(Mapping { file: self.app.storage.stage(DigestSet::sha256())?, text: start, count: 0 })
    }

    async fn content(
        &self,
        content: &dyn ExchangedContent,
        files: &mut Dump,
        mut mapping: Option<&mut Mapping>,
    ) -> Result<Vec<(String, Staged)>> {
        let mut main = Dump::new(self.app, content.dump())?;
        let mut parts =
            content.parts().iter().map(|part| Dump::new(self.app, part.name)).collect::<Result<Vec<_>>>()?;
        let (mut after, mut count) = (None, 0u64);
        loop {
            self.context.check()?;
            let page = self.units.list(content.pulp_type(), content.columns(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            count += page.len() as u64;
            let ids: Vec<Id> = page.iter().map(|unit| unit.id).collect();
            let labels = {
                let ids = ids.clone();
                self.app.db.read(move |conn| rows::labels(conn, &ids)).await?
            };
            for unit in &page {
                let exported = content.export(unit)?;
                main.add(&self.with_identity(content, unit, exported.facts, labels.get(&unit.id))).await?;
                for (at, facts) in exported.parts {
                    let part = parts.get_mut(at).ok_or_else(|| Error::internal("no such dump"))?;
                    part.add(&facts).await?;
                }
            }
            self.files_of(&ids, files).await?;
            if let Some(mapping) = mapping.as_deref_mut() {
                mapping.add(&ids).await?;
            }
            self.progress.add(page.len() as i64);
        }
        // As the reference does: dumps without rows are left out.
        if count == 0 {
            return Ok(vec![]);
        }
        let mut done = vec![main.finish().await?];
        for part in parts {
            done.push(part.finish().await?);
        }
        Ok(done)
    }

    fn with_identity(
        &self,
        content: &dyn ExchangedContent,
        unit: &UnitRow,
        facts: Facts,
        labels: Option<&Json>,
    ) -> Facts {
        let domain = self.app.domain.to_string();
        let mut row: Facts = [
            ("pulp_type", text(Some(content.pulp_type()))),
            ("upstream_id", text(Some(&unit.id.to_string()))),
            ("pulp_domain", text(Some(&domain))),
        ]
        .into_iter()
        .collect();
        row.0.extend(facts.0);
        row.0.insert("_pulp_domain".to_owned(), text(Some(&domain)));
        if let Some(labels) = labels {
            row.0.insert(LABELS.to_owned(), json!(labels.to_string()));
        }
        row
    }

    async fn files_of(&self, units: &[Id], files: &mut Dump) -> Result<()> {
        let ids = units.to_vec();
        for (unit, sha256, path) in self.app.db.read(move |conn| rows::files(conn, &ids)).await? {
            let sha256 = sha256.ok_or_else(|| {
                Error::Conflict(format!(
                    "Cannot export artifacts that haven't been downloaded: only an upstream has `{path}` of `{}`",
                    self.repository.name
                ))
            })?;
            let row = [
                ("artifact", text(Some(sha256.as_str()))),
                ("content", text(Some(&unit.to_string()))),
                ("relative_path", text(Some(&path))),
            ];
            files.add(&row.into_iter().collect()).await?;
        }
        Ok(())
    }
}

/// Which units are of the repository.
struct Mapping {
    file: StagingWriter,
    text: String,
    count: u64,
}

impl Mapping {
    async fn add(&mut self, units: &[Id]) -> Result<()> {
        for unit in units {
            self.text.push_str(if self.count == 0 { "\"" } else { ", \"" });
            self.text.push_str(&unit.to_string());
            self.text.push('"');
            self.count += 1;
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        self.file.write(std::mem::take(&mut self.text).into_bytes().into()).await
    }
}

/// What all repositories say of themselves.
pub fn repository_row(app: &App, repository: &rows::RepositoryFacts) -> Facts {
    use crate::exchange::{flag, number};
    let mut row: Facts = [
        ("pulp_type", text(Some(&repository.pulp_type))),
        ("name", text(Some(&repository.name))),
        ("description", text(repository.description.as_deref())),
        ("retain_repo_versions", number(repository.retain_repo_versions)),
        ("retain_checkpoints", number(repository.retain_checkpoints)),
        ("user_hidden", flag(false)),
        ("pulp_domain", text(Some(&app.domain.to_string()))),
    ]
    .into_iter()
    .collect();
    if repository.labels.as_object().is_some_and(|labels| !labels.is_empty()) {
        row.0.insert(LABELS.to_owned(), json!(repository.labels.to_string()));
    }
    row
}
