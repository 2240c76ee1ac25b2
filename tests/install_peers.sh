#!/bin/sh
# Installs the real programs that the tests talk to, where this user may install packages.
# Where not, the tests that need them are skipped and named, or fail under REQUIRE_PEERS=1.
set -u
packages="dcmtk dicom3tools iproute2 openssl orthanc orthanc-dicomweb libpixelmed-java \
libsaxonhe-java default-jdk-headless postgresql rsyslog rsyslog-openssl jing openjph-tools \
chromium fonts-dejavu-core docker-compose"

missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "peers of the tests not installed (no apt-get here):$missing"
    exit 0
fi
if [ "$(id -u)" -eq 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "peers of the tests not installed (no right to install packages):$missing"
    exit 0
fi

# A package that starts its service on installation would bind ports of this machine; in a
# container the policy file below keeps it from doing so, and it goes away again afterwards.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod +x "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq &&
    $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    echo "peers of the tests could not all be installed:$missing"
