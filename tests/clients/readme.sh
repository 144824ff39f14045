# The tour in the README: what stands behind `$ ` there, in order. Needs BASE, PASSWORD and WORK in the environment.
set -euo pipefail
readme=$(dirname "$(realpath "$0")")/../../README.md
cd "$WORK"
sed -n 's/^\$ //p' "$readme" | grep -v '^cargo ' | sed "s|http://127.0.0.1:8080|$BASE|g" >tour.sh
[ "$(wc -l <tour.sh)" -gt 10 ]
bash -euo pipefail -x tour.sh >tour.out
# What the README shows of the manifest and of the components is what came.
grep -qFx "$(grep '^bin/hello.sh,' "$readme")" tour.out
diff <(grep '^{"component":' "$readme") <(grep '^{"component":' tour.out)
