# pulp-cli: create, upload, sync, publish, distribute, download, update, delete.
# Needs BASE, UPSTREAM, USERNAME, PASSWORD and WORK in the environment.
set -euo pipefail

pulp() {
  command pulp --base-url "$BASE" --username "$USERNAME" --password "$PASSWORD" "$@"
}

# Fails with both values unless they are the same.
same() {
  [ "$1" = "$2" ] || { echo "expected: $2; found: $1" >&2; return 1; }
}

cd "$WORK"
same "$(pulp status | jq -r .database_connection.connected)" true

# Uploads, small and in chunks.
head -c 100000 /dev/urandom >mine.bin
digest=$(sha256sum mine.bin | cut -d' ' -f1)
pulp file repository create --name uploads --autopublish --labels '{"made": "by-hand"}' >/dev/null
pulp file content upload --file mine.bin --relative-path some/mine.bin --repository uploads --chunk-size 30KB >/dev/null
same "$(pulp artifact list --sha256 "$digest" | jq length)" 1
pulp file distribution create --name uploads --base-path up/loads --repository uploads >/dev/null
base_url=$(pulp file distribution show --name uploads | jq -r .base_url)
same "$(curl -fsSL "${base_url}some/mine.bin" | sha256sum | cut -d' ' -f1)" "$digest"

# A mirror.
pulp file remote create --name upstream --url "$UPSTREAM/PULP_MANIFEST" --policy on_demand >/dev/null
pulp file repository create --name mirror --remote upstream >/dev/null
pulp file repository sync --repository mirror >/dev/null
same "$(pulp file repository version show --repository mirror --version 1 | jq '.content_summary.present."file.file".count')" 3
pulp file publication create --repository mirror >/dev/null
pulp file distribution create --name mirror --base-path mirror --repository mirror >/dev/null
base_url=$(pulp file distribution show --name mirror | jq -r .base_url)
same "$(curl -fsSL "${base_url}2.iso" | sha256sum)" "$(curl -fsS "$UPSTREAM/2.iso" | sha256sum)"

# Content moved between repositories, labels, lists, updates.
pulp file repository content modify --repository uploads --base-repository mirror >/dev/null
same "$(pulp file repository content list --repository uploads | jq length)" 3
pulp file repository label set --repository uploads --key made --value again >/dev/null
same "$(pulp file repository list --label-select 'made=again' | jq length)" 1
pulp file repository update --repository mirror --description "of upstream" --retain-repo-versions 1 >/dev/null
# Version 1 is served, so it does not count, and version 0 is the one that is retained.
same "$(pulp file repository version list --repository mirror | jq length)" 2
same "$(pulp file repository show --repository mirror | jq -r .description)" "of upstream"
pulp task list --state completed --limit 1 >/dev/null
pulp worker list --online >/dev/null

# And everything goes again.
pulp file distribution destroy --name uploads
pulp file distribution destroy --name mirror
pulp file repository destroy --name uploads
pulp file repository destroy --name mirror
pulp file remote destroy --name upstream
pulp orphan cleanup --protection-time 0 >/dev/null
same "$(pulp artifact list --limit 1 | jq length)" 0
