# Thin verbs over cargo. `make run` serves the example, `make test` proves the promises.
PREFIX ?= /usr/local
DESTDIR ?=
PORT ?= 8000
PYTHON ?= python3
CARGO ?= cargo
SOAK_MINUTES ?= 30
TARGET = $(or $(CARGO_TARGET_DIR),target)

# Tests decide the same on every run; `make soak` looks further, from another seed each time.
test quick: export PROPTEST_RNG_SEED ?= 20261123

SERVICES = uswgi@.service uswgi-app@.service uswgi-emperor.service
SOCKETS = uswgi@.socket uswgi-app@.socket
BINS = uswgi-master uswgi-emperor uswgi-worker uswgi-ctl uswgi-conf
# What is installed, without tests and generators.
PACKAGES = --workspace --exclude uswgi-tests --exclude uswgi-man
DJANGO = examples/django

.PHONY: flame realworld help build release ready run test quick bench check man fmt install uninstall wheel sdist deb deb-tool deb-test pythons deny msrv soak fuzz fresh clean

help:
	@echo "make run        build, prepare Django in .venv, serve $(DJANGO) on 127.0.0.1:PORT (8000)"
	@echo "make test       prepare what the tests need, build, run every test"
	@echo "make check      formatting, lints, files made by generators"
	@echo "make fresh      make run and make test on a new Debian 12 and 13 (root; debootstrap); STEPS=run for the first alone"
	@echo "make flame      a flame graph in headless Chromium, to be looked at: build/flame.png"
	@echo "make pythons    tests on CPython 3.13 to 3.15 of Debian unstable (root; debootstrap)"
	@echo "make realworld  serve applications that other people wrote, pinned from PyPI; NAMES=\"trac zope\" for some"
	@echo "make bench      compare with other servers"
	@echo "make soak       kills, stops, reloads and scaling at random under load for SOAK_MINUTES (30); fails on a lost request or growth"
	@echo "make install    everything to DESTDIR PREFIX (/usr/local); make uninstall removes it"
	@echo "make wheel      one wheel for every CPython from 3.9 up, in dist/; make sdist its source"
	@echo "make deb        a Debian package in dist/; make deb-test tries it under systemd on a new Debian 12 and 13 (root; debootstrap)"
	@echo "make deny       licences and origins of the dependencies; make msrv builds with the oldest Rust"

build:
	$(CARGO) build --workspace

release:
	$(CARGO) build --release --locked $(PACKAGES)
	@touch "$(TARGET)/release/.uswgi-built"

# What is missing is installed (Debian, as root), or named.
ready:
	PYTHON=$(PYTHON) tests/setup.sh run

.venv/.ready: $(DJANGO)/requirements.txt | ready
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q --disable-pip-version-check -r $(DJANGO)/requirements.txt
	@touch $@

run: ready .venv/.ready release
	@cd $(DJANGO) && ../../.venv/bin/python manage.py migrate -v 0 && \
	  ../../.venv/bin/python manage.py collectstatic -v 0 --noinput && \
	  { DJANGO_SUPERUSER_PASSWORD=demo ../../.venv/bin/python manage.py createsuperuser --noinput \
	      --username demo --email demo@example.org 2>/dev/null || true; }
	@echo
	@echo "  http://127.0.0.1:$(PORT)/         a guestbook"
	@echo "  http://127.0.0.1:$(PORT)/admin/   user demo, password demo"
	@echo "  Ctrl-C stops it."
	@echo
	@exec $(TARGET)/release/uswgi-master --set-placeholder port=$(PORT) --ini $(DJANGO)/uwsgi.ini

# The system tests start real processes, so the commands and the module are built first.
test:
	PYTHON=$(PYTHON) tests/setup.sh
	$(CARGO) build --workspace
	fuzz/run.sh --runs 10000
	tests/run.sh

# Outside of CI: both commands on machines that have nothing but Rust, Python 3 and make.
STEPS ?= run test
fresh:
	tests/fresh.sh "$(STEPS)"

# Everything but the whole-system tests.
quick:
	$(CARGO) test --workspace --exclude uswgi-tests

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	tests/stale.sh

fmt:
	$(CARGO) fmt --all

# Man pages and completions, from the tables.
man:
	$(CARGO) run -q -p uswgi-man

bench: release
	$(PYTHON) bench/run.py

soak: release
	tests/setup.sh
	PROPTEST_CASES=5000 $(CARGO) test -q --workspace --exclude uswgi-tests
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_MINUTES=$(SOAK_MINUTES) \
	  USWGI_SOAK=1000 USWGI_SEED=$$(date +%s%N) \
	  $(CARGO) test -q -p uswgi-tests --test system chaos -- --nocapture
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_TASKS=10000 \
	  $(CARGO) test -q -p uswgi-tests --test system spooler_kills -- --nocapture
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_MINUTES=$(SOAK_MINUTES) \
	  $(CARGO) test -q -p uswgi-tests --test system canary::equal
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_MOMENTS=500 $(CARGO) test -q -p uswgi-tests --test system moments -- --nocapture
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_RELOADS=1000 $(CARGO) test -q -p uswgi-tests --test system reload_mixed
	PROPTEST_CASES=200 tests/valgrind.sh
	USWGI_TEST_BIN="$(abspath $(TARGET))/release" USWGI_TEST_ROUNDS=25000 $(CARGO) test -q -p uswgi-tests --test system memory_is_flat

fuzz:
	fuzz/run.sh 60

# What nobody reads is left out: line tables for debuggers, four fifths of the size (67 MB, 16 without). STRIP=: keeps them.
STRIP ?= strip --strip-debug
# PREFIX and DESTDIR as everywhere; UNITDIR for the systemd units; UWSGI_ALIAS=1 adds a command `uwsgi`, also
# under the names by which units of distributions call it.
# BUILT=DIR installs what stands in DIR and builds nothing. `make release && sudo make install` needs no cargo as root.
UNITDIR ?= $(PREFIX)/lib/systemd/system
ALIASES = uwsgi uwsgi_python3 uwsgi-core
SHARE = $(DESTDIR)$(PREFIX)/share
INTO_BIN = $(DESTDIR)$(PREFIX)/bin
INTO_LIB = $(DESTDIR)$(PREFIX)/lib/uswgi
BASH_DIR = $(SHARE)/bash-completion/completions
ZSH_DIR = $(SHARE)/zsh/site-functions
FISH_DIR = $(SHARE)/fish/vendor_completions.d
PAGES = $(wildcard man/*.[1-8])
SOURCES = Cargo.toml Cargo.lock $(wildcard uswgi-*/Cargo.toml uswgi-worker/module/Cargo.toml) $(shell find uswgi-*/src uswgi-worker/module/src -name '*.rs')
STAMP = $(TARGET)/release/.uswgi-built

$(STAMP): $(SOURCES)
	$(MAKE) --no-print-directory release

ifdef BUILT
install:
else
BUILT = $(TARGET)/release
install: $(STAMP)
endif
	install -d "$(INTO_BIN)" "$(INTO_LIB)" "$(BASH_DIR)" "$(ZSH_DIR)" "$(FISH_DIR)" "$(DESTDIR)$(UNITDIR)"
	for b in $(BINS); do install -m 755 "$(BUILT)/$$b" "$(INTO_BIN)/$$b" || exit 1; done
	install -m 644 "$(BUILT)/libuswgi_worker.so" "$(INTO_LIB)/uswgi_worker.abi3.so"
	$(STRIP) $(foreach b,$(BINS),"$(INTO_BIN)/$b") "$(INTO_LIB)/uswgi_worker.abi3.so"
	for p in $(PAGES); do install -D -m 644 "$$p" "$(SHARE)/man/man$${p##*.}/$${p##*/}" || exit 1; done
	for c in completions/*.bash; do b=$${c##*/}; install -m 644 "$$c" "$(BASH_DIR)/$${b%.bash}" || exit 1; done
	install -m 644 completions/_* "$(ZSH_DIR)/"
	install -m 644 completions/*.fish "$(FISH_DIR)/"
	for u in $(SERVICES); do sed 's|@BINDIR@|$(PREFIX)/bin|' "systemd/$$u.in" >"$(DESTDIR)$(UNITDIR)/$$u" && chmod 644 "$(DESTDIR)$(UNITDIR)/$$u" || exit 1; done
	for u in $(SOCKETS); do install -m 644 "systemd/$$u" "$(DESTDIR)$(UNITDIR)/" || exit 1; done
	[ -z "$(UWSGI_ALIAS)" ] || for a in $(ALIASES); do ln -sf uswgi-master "$(INTO_BIN)/$$a" || exit 1; done

# What install made; `uwsgi` and its other names only where they are ours. Folders that others use too stay.
uninstall:
	for b in $(BINS); do rm -f "$(INTO_BIN)/$$b" "$(BASH_DIR)/$$b" "$(ZSH_DIR)/_$$b" "$(FISH_DIR)/$$b.fish" || exit 1; done
	for a in $(ALIASES); do [ "$$(readlink "$(INTO_BIN)/$$a")" != uswgi-master ] || rm -f "$(INTO_BIN)/$$a" || exit 1; done
	rm -f "$(INTO_LIB)/uswgi_worker.abi3.so"
	for u in $(SERVICES) $(SOCKETS); do rm -f "$(DESTDIR)$(UNITDIR)/$$u" || exit 1; done
	for p in $(PAGES); do rm -f "$(SHARE)/man/man$${p##*.}/$${p##*/}" || exit 1; done
	[ ! -d "$(INTO_LIB)" ] || rmdir --ignore-fail-on-non-empty "$(INTO_LIB)"

# One wheel for every CPython from 3.9 up and every Linux with this glibc or a newer one (2.28: Debian 10, RHEL 8). zig links
# against the old one, without a container; auditwheel looks whether that is true, and names the wheel so. For another
# processor: rustup target add aarch64-unknown-linux-gnu && make wheel ARCH=aarch64
ARCH ?= $(shell uname -m)
GLIBC ?= 2.28
MANYLINUX = manylinux_$(subst .,_,$(GLIBC))_$(ARCH)
DIST ?= dist
WHEEL_VENV ?= build/wheel-venv
WHEEL_TOOLS = build "setuptools>=77" "setuptools-rust>=1.13" wheel cargo-zigbuild ziglang auditwheel

$(WHEEL_VENV)/.zig:
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python -m pip install -q --disable-pip-version-check $(WHEEL_TOOLS)
	@touch $@

wheel: export PATH := $(abspath $(WHEEL_VENV)/bin):$(PATH)
wheel: $(WHEEL_VENV)/.zig
	rm -rf build/wheel
	CARGO=cargo-zigbuild CARGO_BUILD_TARGET=$(ARCH)-unknown-linux-gnu.$(GLIBC) PYO3_NO_PYTHON=1 \
	  python -m build --wheel --no-isolation --outdir build/wheel -C--build-option=--plat-name=linux_$(ARCH)
	auditwheel show build/wheel/*.whl >build/wheel/shown 2>&1 && grep -q '"$(MANYLINUX)"' build/wheel/shown || { cat build/wheel/shown; exit 1; }
	wheel tags --remove --platform-tag $(MANYLINUX) build/wheel/*.whl >build/wheel/tagged
	mkdir -p $(DIST) && mv build/wheel/*.whl $(DIST)/ && echo "$(DIST)/$$(tail -1 build/wheel/tagged)"

sdist: $(WHEEL_VENV)/.zig
	$(WHEEL_VENV)/bin/python -m build --sdist --no-isolation --outdir $(DIST)

# A Debian package of the release, or of what stands in BUILT, in dist/. cargo-deb is a tool, pinned and installed below build/;
# the package asks for the C library of the machine that built it, so the oldest Debian it is for builds it.
CARGO_DEB ?= 3.8.0
CARGO_DEB_BIN = build/tools/cargo-deb-$(CARGO_DEB)/bin/cargo-deb
DEB_STAGE = build/deb/stage
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
DEB_REVISION ?= 1
DEB_FLAGS ?=

# Without optimisation it is built in half of the time and packs as fast: xz is what takes the time.
$(CARGO_DEB_BIN):
	CARGO_PROFILE_DEV_DEBUG=0 $(CARGO) install -q --debug --locked --root build/tools/cargo-deb-$(CARGO_DEB) cargo-deb@$(CARGO_DEB)

deb-tool: $(CARGO_DEB_BIN)

deb: $(CARGO_DEB_BIN)
	@rm -rf "$(DEB_STAGE)"
	@$(MAKE) --no-print-directory -s install DESTDIR="$(abspath $(DEB_STAGE))" PREFIX=/usr UWSGI_ALIAS= \
	  UNITDIR=/usr/lib/systemd/system ZSH_DIR="$(abspath $(DEB_STAGE))/usr/share/zsh/vendor-completions"
	@printf 'uswgi (%s-%s) unstable; urgency=medium\n\n  * See CHANGELOG.md in this folder.\n\n -- the uswgi contributors <uswgi@localhost>  %s\n' \
	  "$(VERSION)" "$(DEB_REVISION)" "$$(date -R -d @$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)})" >build/deb/changelog
	@mkdir -p "$(DIST)"
	@$(CARGO_DEB_BIN) -q -p uswgi-master --no-build --no-strip --deb-revision "$(DEB_REVISION)" $(DEB_FLAGS) --output "$(DIST)/"

# Outside of CI: installed, serving under systemd, upgraded under load and purged, on new machines.
deb-test:
	tests/deb.sh $(SUITES)

# Outside of CI: it needs a browser.
flame: build
	tests/flame.sh

# Outside of CI: the CPythons that are younger than those of this machine, from Debian unstable.
pythons:
	$(CARGO) build --workspace
	tests/pythons.sh $(VERSIONS)

# Outside of CI: applications that other people wrote, pinned, each in a virtualenv of its own below build/realworld. BROWSER=1 clicks
# through some of them in headless Chromium, pictures in build/realworld/pictures; BESIDE=build/test/uwsgi/bin/uwsgi says what that answers otherwise.
realworld: release
	tests/setup.sh run
	$(PYTHON) -B tests/realworld/run.py --bin "$(TARGET)/release" $(if $(BROWSER),--browser build/realworld/pictures) $(if $(BESIDE),--beside "$(BESIDE)") $(NAMES)

# What the dependencies may be; needs no network. Advisories: cargo deny check advisories
deny:
	cargo deny --offline check licenses bans sources

# The oldest Rust that Cargo.toml promises; needs rustup.
msrv:
	cargo +$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) check --workspace --all-targets

clean:
	$(CARGO) clean
	[ ! -L build/test ] || rm -rf "$$(readlink build/test)"
	rm -rf build dist
