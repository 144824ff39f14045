"""The part of large installations: 30,000 repositories, 15,000 distributions and 8,000 users, made through the API. With
PostgreSQL there too: what was made is moved, by a backup of the one and its restoration into the other."""

import random

from http_client import API, session
from measuring import finished, in_parallel, latencies, percentile, unique
from parts_api import REPOSITORIES
from servers import PASSWORD, Pith

DISTRIBUTIONS = API + "distributions/file/file/"
USERS = API + "users/"
ROLE = "file.filerepository_viewer"
GRANTS = 10_000
CLIENTS = 4
ROUNDS = 5


def scale(bench):
    target = bench.ours()
    made = populate(target)
    reader = add_reader(target, made[REPOSITORIES])
    measure(bench, target, (made, reader), "SQLite")
    if bench.postgres:
        backups = str(bench.folder / "backups")
        target.run("backup", backups, "--with-secret-key")
        bench.close()
        bench.running = Pith(bench.binary, bench.folder / f"data-{unique()}", bench.postgres)
        bench.running.run("restore", backups)
        bench.running.start()
        measure(bench, bench.running, (made, reader), "PostgreSQL")
    bench.close()


def measure(bench, target, found, database):
    made, reader = found
    restarts(bench, target, database)
    reads(bench, target, made, database)
    scoped(bench, target, reader, database)


def populate(target):
    """Makes all of it: hrefs by collections. A distribution serves every second repository."""
    run = unique()
    repositories = created(target, REPOSITORIES, [{"name": f"scale-{run}-{at}"} for at in range(30_000)])
    bodies = [
        {"name": f"scale-{run}-{at}", "base_path": f"scale/{run}/{at}", "repository": repositories[2 * at]}
        for at in range(15_000)
    ]
    users = [{"username": f"scale-{run}-{at}"} for at in range(8_000)]
    return {
        REPOSITORIES: repositories,
        DISTRIBUTIONS: created(target, DISTRIBUTIONS, bodies),
        USERS: created(target, USERS, users),
    }


def created(target, collection, bodies):
    """The hrefs of what `CLIENTS` make of the bodies, in their order."""
    shares = in_parallel(CLIENTS, create_share, target, collection, bodies)
    hrefs = {at: href for share in shares for at, href in share}
    return [hrefs[at] for at in range(len(bodies))]


def create_share(number, ready, target, collection, bodies):
    client = target.session()
    ready()
    return [(at, create(client, collection, bodies[at])) for at in range(number, len(bodies), CLIENTS)]


def create(client, collection, body):
    """The href of a new object, also where a task makes it."""
    answer = client.post(collection, body)
    if "task" in answer:
        return finished(client, answer["task"], 0.002)["created_resources"][0]
    return answer["pulp_href"]


def restarts(bench, target, database):
    times = []
    for _ in range(ROUNDS):
        target.stop()
        times.append(target.start())
    bench.table.add("scale", f"exec to first answer, {database}", "s", times, target="< 2 s")


def reads(bench, target, made, database):
    """What administrators read, each time something else."""
    client, rng = target.session(), random.Random(7)
    pick = {collection: rng.choices(hrefs, k=500) for collection, hrefs in made.items()}
    name = client.get(pick[REPOSITORIES][0])["name"].rpartition("-")[0]
    path = client.get(pick[DISTRIBUTIONS][0])["base_path"].rpartition("/")[0]
    for what, count, address in (
        ("read a repository", 500, lambda at: pick[REPOSITORIES][at]),
        ("read a distribution", 500, lambda at: pick[DISTRIBUTIONS][at]),
        ("read a user", 500, lambda at: pick[USERS][at]),
        ("a repository by its name", 500, lambda at: f"{REPOSITORIES}?name={name}-{at}"),
        ("a distribution by its path", 500, lambda at: f"{DISTRIBUTIONS}?base_path={path}/{at}"),
        ("list 10 repositories", 100, lambda at: f"{REPOSITORIES}?limit=10&offset={at * 10}"),
        ("list 100 repositories", 100, lambda at: f"{REPOSITORIES}?limit=100&offset={at * 100}"),
        ("list 100 distributions", 100, lambda at: f"{DISTRIBUTIONS}?limit=100&offset={at * 100}"),
        ("list 100 users", 80, lambda at: f"{USERS}?limit=100&offset={at * 100}"),
        ("a wrong path of a distribution", 500, lambda at: f"/pulp/content/{path}/{at}/none"),
    ):
        add(bench, f"{what}, {database}", latencies(lambda at: client.request("GET", address(at)), count), "< 10 ms")


def add_reader(target, repositories):
    """Somebody who is given a role on a third of the repositories: the name, and those."""
    name = f"scoped-{unique()}"
    user = target.session().post(USERS, {"username": name, "password": PASSWORD})["pulp_href"]
    granted = random.Random(7).sample(repositories, GRANTS)
    in_parallel(CLIENTS, grant_share, target, user, granted)
    return name, granted


def scoped(bench, target, reader, database):
    """What that one reads."""
    name, granted = reader
    client = session(target.url, name, PASSWORD)
    count = client.get(f"{REPOSITORIES}?limit=1")["count"]
    if count != GRANTS:
        raise SystemExit(f"{count} repositories are listed, {GRANTS} were given")
    every = API + "repositories/"
    for what, address in (
        ("list 100 of 10,000 given", lambda at: f"{REPOSITORIES}?limit=100&offset={at % 5 * 100}"),
        ("list 100 of 10,000 given, the last", lambda at: f"{REPOSITORIES}?limit=100&offset={GRANTS - 100}"),
        ("list 100 of 10,000 given, any type", lambda at: f"{every}?limit=100&offset={at % 5 * 100}"),
        ("read one of 10,000 given", lambda at: granted[at]),
    ):
        add(bench, f"{what}, {database}", latencies(lambda at: client.get(address(at)), 100), "< 50 ms")


def grant_share(number, ready, target, user, granted):
    client = target.session()
    ready()
    for repository in granted[number::CLIENTS]:
        client.post(f"{user}roles/", {"role": ROLE, "content_object": repository})


def add(bench, what, times, wanted):
    for part in (0.5, 0.95):
        bench.table.add("scale", f"{what}, p{part * 100:.0f}", "s", percentile(times, part), target=wanted)
