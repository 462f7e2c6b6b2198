#!/usr/bin/env bash
# uWSGI 2.0.31: built with expat instead of libxml2, a value of an XML configuration ends at its first &lt; or &amp;.
#
# Which library reads XML is decided by what the machine that builds has: libxml2 if its headers are there, else expat, whose
# headers come with Debian's python3-dev. The same file, `pip install` and version then mean different things, and nothing
# is said: "a &lt; b" is "a < b" with one and "a " with the other. (Needs the headers of both: libxml2-dev, libexpat1-dev.)
# shellcheck source-path=SCRIPTDIR source=lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cat >site.xml <<'XML'
<uwsgi>
  <set>page=a &lt; b</set>
  <print>[%(page)]</print>
</uwsgi>
XML
for library in libxml2 expat; do
    rm -rf venv
    UWSGI_PROFILE_OVERRIDE="xml=$library" PIP_NO_CACHE_DIR=1 packages uwsgi==2.0.31
    if [ "$library" = expat ]; then read="[a ]"; else read="[a < b]"; fi
    same "uWSGI 2.0.31 with $library" "$(venv/bin/uwsgi --xml site.xml --no-server 2>&1 | grep '^\[a' || true)" "$read"
done
