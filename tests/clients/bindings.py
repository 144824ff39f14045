"""The generated Python bindings: create, upload, modify, publish, distribute, download.

Needs BASE, USERNAME, PASSWORD and WORK in the environment.
"""

import hashlib
import os
import pathlib
import time
import urllib.request

from pulpcore.client import pulp_file, pulpcore


def configured(module):
    configuration = module.Configuration(
        host=os.environ["BASE"], username=os.environ["USERNAME"], password=os.environ["PASSWORD"]
    )
    return module.ApiClient(configuration)


core, files = configured(pulpcore), configured(pulp_file)
tasks = pulpcore.TasksApi(core)


def finished(answer):
    while (task := tasks.read(answer.task)).state in ("waiting", "running"):
        time.sleep(0.05)
    assert task.state == "completed", task
    return task


repositories = pulp_file.RepositoriesFileApi(files)
contents = pulp_file.ContentFilesApi(files)
publications = pulp_file.PublicationsFileApi(files)
distributions = pulp_file.DistributionsFileApi(files)

assert pulpcore.StatusApi(core).status_read().database_connection.connected

repository = repositories.create({"name": "from-the-bindings"})
path = pathlib.Path(os.environ["WORK"], "a-file")
path.write_bytes(os.urandom(50_000))
digest = hashlib.sha256(path.read_bytes()).hexdigest()

artifact = pulpcore.ArtifactsApi(core).create(str(path), sha256=digest)
assert artifact.sha256 == digest
created = finished(contents.create(artifact=artifact.pulp_href, relative_path="a/file"))
unit = contents.read(created.created_resources[0])
assert unit.sha256 == digest

uploads = pulpcore.UploadsApi(core)
upload = uploads.create({"size": 50_000})
uploads.update(upload_href=upload.pulp_href, content_range="bytes 0-49999/50000", file=str(path))
finished(contents.create(upload=upload.pulp_href, relative_path="another/file", repository=repository.pulp_href))

finished(repositories.modify(repository.pulp_href, {"add_content_units": [unit.pulp_href]}))
repository = repositories.read(repository.pulp_href)
version = pulp_file.RepositoriesFileVersionsApi(files).read(repository.latest_version_href)
assert version.content_summary.present["file.file"]["count"] == 2

publication = finished(publications.create({"repository": repository.pulp_href})).created_resources[0]
body = {"name": "from-the-bindings", "base_path": "bindings", "publication": publication}
distribution = distributions.read(finished(distributions.create(body)).created_resources[0])
with urllib.request.urlopen(distribution.base_url + "a/file") as answer:
    assert hashlib.sha256(answer.read()).hexdigest() == digest

listed = contents.list(repository_version=repository.latest_version_href, ordering=["relative_path"], fields=["relative_path"])
assert [unit.relative_path for unit in listed.results] == ["a/file", "another/file"]

try:
    repositories.create({"name": "from-the-bindings"})
    raise AssertionError("the name was taken")
except pulp_file.ApiException as error:
    assert error.status == 400 and "This field must be unique." in error.body, error

finished(distributions.delete(distribution.pulp_href))
finished(repositories.delete(repository.pulp_href))
