# twine, uv and pip against an index of this server: upload, upload again, install, mirror, pull through.
# Needs BASE, USERNAME, PASSWORD, WORK and HERE in the environment. PYTHONS: further interpreters to install with, each
# with its own pip; what is found of 3.6 and 3.13 is taken when not said.
set -euo pipefail
mkdir -p "$WORK/python/dist" && cd "$WORK/python"

pulp() {
  command pulp --base-url "$BASE" --username "$USERNAME" --password "$PASSWORD" "$@"
}
same() {
  [ "$1" = "$2" ] || { echo "expected: $2; found: $1" >&2; return 1; }
}
# Fails unless the command fails and says this.
refused() {
  local said
  if said=$("${@:2}" 2>&1); then echo "not refused: ${*:2}" >&2; return 1; fi
  grep -qi -- "$1" <<<"$said" || { echo "expected '$1' in: $said" >&2; return 1; }
}

pulp python repository create --name team >/dev/null
pulp python distribution create --name team --base-path team/stable --repository team >/dev/null
index=$BASE/pypi/team/stable
for version in 1.0 1.1; do python3 "$HERE/make_wheel.py" dist Hello.World $version '>=3.6' 'tiny-dep>=1'; done
python3 "$HERE/make_wheel.py" dist Hello.World 2.0 '>=3.8' 'tiny-dep>=1'
python3 "$HERE/make_wheel.py" dist tiny-dep 1.0 '>=3.6'

credentials=(--username "$USERNAME" --password "$PASSWORD")
twine upload --non-interactive --disable-progress-bar "${credentials[@]}" --repository-url "$index/legacy/" \
  dist/hello_world-1.*.whl dist/tiny_dep-*.whl >/dev/null
refused 'already exists' twine upload --non-interactive --disable-progress-bar "${credentials[@]}" \
  --repository-url "$index/legacy/" dist/hello_world-1.0-*.whl
uv publish --no-cache --quiet "${credentials[@]}" --publish-url "$index/legacy/" dist/hello_world-2.0-*.whl
refused 'exists' uv publish --no-cache "${credentials[@]}" --publish-url "$index/legacy/" dist/hello_world-2.0-*.whl
refused 'credentials\|401\|unauthorized' twine upload --non-interactive --disable-progress-bar --username nobody \
  --password wrong --repository-url "$index/legacy/" dist/hello_world-1.0-*.whl

# Every interpreter gets the newest release that it can run.
newest() {
  "$1" -c 'import sys; print("2.0" if sys.version_info >= (3, 8) else "1.1")'
}
installs() {
  local target=installed-$(basename "$(dirname "$(dirname "$(command -v "$1")")")")-$RANDOM
  env -u PIP_FIND_LINKS "$1" -m pip --isolated install --quiet --no-cache-dir --disable-pip-version-check \
    --target "$target" --trusted-host 127.0.0.1 --index-url "$2/simple/" hello.WORLD
  same "$(PYTHONPATH=$target "$1" -c 'import hello_world, tiny_dep; print(hello_world.VERSION)')" "$(newest "$1")"
}
# The first of this version that runs: where pyenv is, a command may stand for an interpreter that was not chosen.
interpreter() {
  local candidate
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python "$(command -v "python$1")"; do
    if [ -x "$candidate" ] && "$candidate" -c '' 2>/dev/null; then echo "$candidate"; return; fi
  done
  return 1
}
if [ -z "${PYTHONS:-}" ]; then
  for version in 3.6 3.13; do
    if found=$(interpreter $version); then PYTHONS="${PYTHONS:-} $found"; else echo "no Python $version on this machine" >&2; fi
  done
fi
for python in python3 ${PYTHONS:-}; do
  installs "$python" "$index"
  echo "installed with $("$python" -m pip --version | cut -d' ' -f1,2) of $("$python" --version 2>&1)"
done
uv pip install --no-cache --quiet --target by-uv --index-url "$index/simple/" hello-world
same "$(PYTHONPATH=by-uv python3 -c 'import hello_world; print(hello_world.VERSION)')" 2.0

# A mirror of that index, and one that fetches what it is asked for.
pulp python remote create --name team --url "$index/" --policy on_demand --includes '["hello.world", "tiny-dep"]' >/dev/null
pulp python repository create --name team-mirror --remote team >/dev/null
pulp python repository sync --name team-mirror >/dev/null
pulp python distribution create --name team-mirror --base-path team-mirror --repository team-mirror >/dev/null
installs python3 "$BASE/pypi/team-mirror"
pulp python distribution create --name team-through --base-path team-through --remote team >/dev/null
installs python3 "$BASE/pypi/team-through"
