"""The generated Python bindings make a domain whose files lie in a bucket of its own, and use it: upload, publish,
distribute, download, and delete it all again.

The published bindings know the addresses of an installation without domains; those of a domain have its name in
them, which is all that is changed here.

Needs BASE, USERNAME, PASSWORD, WORK, S3 (the address of an S3 server with the bucket `team`) and BUCKET (the folder
where it keeps that) in the environment.
"""

import hashlib
import os
import pathlib
import time
import urllib.request

from pulpcore.client import pulp_file, pulpcore

TEAM = "team-of-the-bindings"


def within(domain, module):
    class Client(module.ApiClient):
        def param_serialize(self, method, resource_path, *arguments, **named):
            path = resource_path.replace("/pulp/api/v3/", f"/pulp/{domain}/api/v3/")
            return super().param_serialize(method, path, *arguments, **named)

    return Client(
        module.Configuration(
            host=os.environ["BASE"], username=os.environ["USERNAME"], password=os.environ["PASSWORD"]
        )
    )


def finished(answer):
    while (task := tasks.read(answer.task)).state in ("waiting", "running"):
        time.sleep(0.05)
    assert task.state == "completed", task
    return task


def stored():
    """The files in the bucket by the digest in their path."""
    return {file for file in pathlib.Path(os.environ["BUCKET"]).rglob("*") if file.is_file()}


tasks = pulpcore.TasksApi(within("default", pulpcore))
domains = pulpcore.DomainsApi(within("default", pulpcore))
settings = {
    "endpoint_url": os.environ["S3"],
    "bucket_name": "team",
    "access_key": "pith-test",
    "secret_key": "pith-test",
    "region_name": "us-east-1",
}
domain = domains.create(
    {"name": TEAM, "storage_class": "storages.backends.s3.S3Storage", "storage_settings": settings}
)
assert domain.storage_settings["bucket_name"] == "team", domain

core, files = within(TEAM, pulpcore), within(TEAM, pulp_file)
repositories = pulp_file.RepositoriesFileApi(files)
contents = pulp_file.ContentFilesApi(files)
distributions = pulp_file.DistributionsFileApi(files)

before = stored()
path = pathlib.Path(os.environ["WORK"], "a-file-of-the-team")
path.write_bytes(os.urandom(50_000))
digest = hashlib.sha256(path.read_bytes()).hexdigest()

repository = repositories.create({"name": "from-the-bindings"})
assert f"/pulp/{TEAM}/api/v3/" in repository.pulp_href, repository
artifact = pulpcore.ArtifactsApi(core).create(str(path), sha256=digest)
finished(contents.create(artifact=artifact.pulp_href, relative_path="a/file", repository=repository.pulp_href))
assert len(stored() - before) == 1, "its bytes lie in the bucket of the domain"

body = {"repository": repository.pulp_href}
publication = finished(pulp_file.PublicationsFileApi(files).create(body)).created_resources[0]
body = {"name": "from-the-bindings", "base_path": "bindings", "publication": publication}
distribution = distributions.read(finished(distributions.create(body)).created_resources[0])
assert f"/pulp/content/{TEAM}/bindings/" in distribution.base_url, distribution
with urllib.request.urlopen(distribution.base_url + "a/file") as answer:
    assert hashlib.sha256(answer.read()).hexdigest() == digest

elsewhere = pulp_file.ContentFilesApi(within("default", pulp_file))
assert elsewhere.list(sha256=digest).count == 0, "nothing is shared"

finished(distributions.delete(distribution.pulp_href))
finished(repositories.delete(repository.pulp_href))
finished(pulpcore.OrphansCleanupApi(core).cleanup({"orphan_protection_time": 0}))
finished(domains.delete(domain.pulp_href))
assert stored() == before, "nothing of it stays in the bucket"
