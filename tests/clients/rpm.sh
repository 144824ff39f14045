# dnf and createrepo_c on repositories of this server: packages are built, uploaded, installed with what they need,
# copied, mirrored, and what is published is compared with what createrepo_c writes.
# Needs BASE, USERNAME, PASSWORD, WORK, HERE, PITH (the program) and DATA (its folder) in the environment, and dnf,
# rpmbuild and createrepo_c.
set -euo pipefail
mkdir -p "$WORK/rpm/packages" && cd "$WORK/rpm"

pulp() {
  command pulp --base-url "$BASE" --username "$USERNAME" --password "$PASSWORD" "$@"
}
same() {
  [ "$1" = "$2" ] || { echo "expected: $2; found: $1" >&2; return 1; }
}
# dnf that knows one repository and nothing of this machine: dnf_of ROOT BASE_URL ARGUMENTS…
dnf_of() {
  local root=$WORK/rpm/$1 url=$2
  mkdir -p "$root/etc/yum.repos.d" "$root/var/log"
  dnf --assumeyes --quiet --installroot="$root" --releasever=1 --forcearch=x86_64 --noplugins \
    --setopt=reposdir="$root/etc/yum.repos.d" --setopt=cachedir="$root/cache" --setopt=persistdir="$root/lib" \
    --setopt=logdir="$root/var/log" --setopt=gpgcheck=0 --setopt=skip_if_unavailable=0 --setopt=tsflags=noscripts \
    --repofrompath=it,"$url" --repo=it "${@:3}"
}

# build NAME VERSION [LINE…]: a package with a file, a changelog and these lines in its description.
build() {
  local name=$1 version=$2
  {
    printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: About %s\nLicense: MIT\nBuildArch: noarch\n' "$name" "$version" "$name"
    printf '%s\n' "${@:3}"
    printf '%%description\nA package <of> "tests" & such.\n%%install\nmkdir -p %%{buildroot}/usr/bin %%{buildroot}/usr/share/%s\n' "$name"
    printf 'echo %s >%%{buildroot}/usr/bin/%s; echo %s >%%{buildroot}/usr/share/%s/data\n' "$version" "$name" "$version" "$name"
    printf '%%files\n/usr/bin/%s\n%%dir /usr/share/%s\n/usr/share/%s/data\n' "$name" "$name" "$name"
    printf '%%changelog\n* Mon Jan 01 2024 Somebody <a@b.example> - %s-1\n- Changed\n' "$version"
  } >"$name.spec"
  rpmbuild --quiet -bb --define "_topdir $WORK/rpm/build" --define "_rpmdir $WORK/rpm/packages" \
    --define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' "$name.spec" >/dev/null 2>&1
}
build hello 1.0 'Requires: words >= 2' 'Recommends: manners'
build words 1.0
build words 2.0 'Provides: dictionary = 3' 'Obsoletes: wordlist < 2'
build manners 1.0 'Epoch: 1' 'Conflicts: rudeness'

pulp rpm repository create --name rpm-team --autopublish >/dev/null
pulp rpm distribution create --name rpm-team --base-path rpm/team --repository rpm-team --generate-repo-config >/dev/null
for file in packages/*.rpm; do
  pulp rpm content upload --file "$file" --repository rpm-team >/dev/null
done
team=$BASE/pulp/content/rpm/team/

dnf_of query "$team" makecache
same "$(dnf_of query "$team" repoquery --requires hello | grep words)" "words >= 2"
same "$(dnf_of query "$team" repoquery --whatprovides dictionary --qf '%{name}-%{evr}')" words-2.0-1
dnf_of installed "$team" install hello
same "$(cat installed/usr/bin/hello installed/usr/bin/words)" "1.0
2.0"

# What is published is what createrepo_c makes of the same packages.
createrepo_c --quiet --no-database packages
python3 "$HERE/compare_repodata.py" packages "$team"

# A copy with what the package needs, and a complete mirror, both to be installed from.
pulp rpm repository create --name rpm-stable --autopublish >/dev/null
pulp rpm distribution create --name rpm-stable --base-path rpm/stable --repository rpm-stable >/dev/null
source=$(pulp rpm repository show --name rpm-team | jq -r .latest_version_href)
target=$(pulp rpm repository show --name rpm-stable | jq -r .pulp_href)
hello=$(pulp rpm content list --name hello | jq -r '.[0].pulp_href')
pulp rpm copy --config "[{\"source_repo_version\": \"$source\", \"dest_repo\": \"$target\", \"content\": [\"$hello\"]}]" \
  --dependency-solving >/dev/null
dnf_of copied "$BASE/pulp/content/rpm/stable/" install hello
same "$(cat copied/usr/bin/words)" 2.0

pulp rpm remote create --name rpm-upstream --url "$team" --policy on_demand >/dev/null
pulp rpm repository create --name rpm-mirror --remote rpm-upstream >/dev/null
pulp rpm repository sync --repository rpm-mirror --sync-policy mirror_complete >/dev/null
pulp rpm distribution create --name rpm-mirror --base-path rpm/mirror --repository rpm-mirror >/dev/null
mirror=$BASE/pulp/content/rpm/mirror/
same "$(curl -fsS "${mirror}repodata/repomd.xml")" "$(curl -fsS "${team}repodata/repomd.xml")"
dnf_of mirrored "$mirror" install hello
same "$(cat mirrored/usr/bin/hello)" 1.0

# Signed metadata while the service changes its key: dnf with either key reads it, and dnf that knows the address of the
# keys takes the next one when that signs alone.
service() {
  "$PITH" signing-service "$@" --data-dir "$DATA" >/dev/null
}
# signed ROOT KEY ARGUMENTS…: dnf that verifies with the keys at an address.
signed() {
  dnf_of "$1" "$BASE/pulp/content/rpm/signed/" --setopt=it.repo_gpgcheck=1 --setopt=it.gpgkey="$2" --refresh "${@:3}"
}
service add team --generate 'Team <team@example.org>'
pulp rpm repository create --name rpm-signed --metadata-signing-service team >/dev/null
pulp rpm distribution create --name rpm-signed --base-path rpm/signed --repository rpm-signed >/dev/null
publish() {
  pulp rpm publication create --repository rpm-signed >/dev/null
}
keys=$BASE/pulp/content/rpm/signed/repodata/repomd.xml.key
publish
curl -fsS "$keys" >old.asc
signed old "file://$PWD/old.asc" makecache
signed known "$keys" makecache
service rotate team --generate 'Next team <team@example.org>'
publish
curl -fsS "$keys" | awk '/BEGIN PGP/ { count++ } count == 2' >next.asc
signed during "file://$PWD/old.asc" makecache
signed next "file://$PWD/next.asc" makecache
service rotate team --finish
publish
signed next "file://$PWD/next.asc" makecache
signed known "$keys" makecache
if signed left "file://$PWD/old.asc" makecache 2>left.log; then
  echo "dnf took metadata that is not signed with its key" >&2
  exit 1
fi
grep -qi gpg left.log
