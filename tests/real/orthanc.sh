#!/usr/bin/env bash
# Unpacks Orthanc with its DICOMweb plug-in from Debian's packages into a folder, for the tests: nothing is installed,
# no service is started, root is not needed. Exit code 3: the packages cannot be reached.
#
#   tests/real/orthanc.sh FOLDER      # then FOLDER/root/usr/sbin/Orthanc
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
[ ! -e "$folder/.ready" ] || exit 0
command -v apt-get > /dev/null || { echo "no apt-get: Debian's packages cannot be had here" >&2; exit 3; }

work="$folder/.work"
rm -rf "$work" "$folder/root"
mkdir -p "$work/debs" "$work/lists/partial" "$work/cache/archives/partial"

# Orthanc, its plug-in, and what of their requirements this machine lacks.
download() {
  wanted="$(apt-get "$@" --simulate --reinstall --no-install-recommends install orthanc orthanc-dicomweb |
    awk '$1 == "Inst" { print $2 }')"
  [ -n "$wanted" ] || return 1
  # shellcheck disable=SC2086  # one word a package
  (cd "$work/debs" && apt-get "$@" --quiet download $wanted > /dev/null)
}
own_lists=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache")
if ! download 2> "$work/log"; then
  # The machine's lists of packages are missing or old: fetch lists of our own.
  rm -f "$work"/debs/*
  { apt-get "${own_lists[@]}" --quiet update > /dev/null && download "${own_lists[@]}"; } 2>> "$work/log" || {
    echo "Debian's packages cannot be reached: $(tail -n 1 "$work/log")" >&2
    exit 3
  }
fi
for package in "$work"/debs/*.deb; do
  dpkg --extract "$package" "$work/root"
done
mv "$work/root" "$folder/root"
rm -rf "$work"
touch "$folder/.ready"
