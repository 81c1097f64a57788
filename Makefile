# MediaPod. `make` alone says what there is.

# sudo often leaves Swift's folder out of PATH.
SWIFT := $(firstword $(shell command -v swift) $(wildcard /opt/swift/usr/bin/swift /usr/local/swift/usr/bin/swift \
	/usr/share/swift/usr/bin/swift $(HOME)/.local/share/swiftly/bin/swift \
	$(if $(SUDO_USER),$(shell getent passwd $(SUDO_USER) | cut -d: -f6)/.local/share/swiftly/bin/swift)))

SWIFT_FLAGS := -c release --explicit-target-dependency-import-check error
BIN := .build/release
GUEST := build/guest
# Looked up when used: before set-up there may be no gcc.
MULTIARCH = $(shell gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)

help:
	@echo 'sudo make setup       install what the build and the tests need'
	@echo 'make build            mediapod, podaudio, podview and podvnc in $(BIN), what goes into pods in $(GUEST)'
	@echo 'sudo make test        everything: lint, unit tests, and the real path with PulseAudio, runc and CRIU'
	@echo 'sudo make demo        music that goes on while its session moves between two hosts and back'
	@echo 'sudo make bench-move  suspend and resume beside bare CRIU'
	@echo 'sudo make bench-sound a stream'"'"'s cost beside alsa-plugins'"'"' and PipeWire'"'"'s PCMs'
	@echo 'sudo make bench-engine suspend and resume of pods of every size, beside CRIU alone'
	@echo 'sudo make bench-display a pod'"'"'s screen beside TigerVNC, xpra and a bare X server'
	@echo 'make fuzz             fuzz what reads a pod'"'"'s messages and display, for FUZZ_SECONDS (600)'
	@echo 'make lint             swift-format, -Werror for C, shellcheck'
	@echo 'make readme-programs  put what the tests measured of programs into the README'
	@echo 'make clean            remove what was built'

setup:
	@scripts/setup.sh

swift:
	@test -n '$(SWIFT)' || { echo 'make: no swift found; install Swift 6.2 or later and put it into PATH' >&2; exit 1; }

build: swift guest
	@$(MAKE) --no-print-directory -C Sources/criu-calls
	$(SWIFT) build $(SWIFT_FLAGS)

# What is laid over the root file system of every pod that is made.
guest:
	@$(MAKE) --no-print-directory -C alsa-plugin
	@$(MAKE) --no-print-directory -C Sources/pod-init
	@$(MAKE) --no-print-directory -C Sources/pod-clipboard
	@$(MAKE) --no-print-directory -C display-driver
	@install -D -m 755 build/pod-init $(GUEST)/usr/lib/mediapod/pod-init
	@install -D -m 755 build/pod-clipboard $(GUEST)/usr/lib/mediapod/pod-clipboard
	@install -D -m 644 -t $(GUEST)/usr/lib/$(MULTIARCH)/alsa-lib build/alsa-plugin/libasound_module_*_mediapod.so
	@install -D -m 644 -t $(GUEST)/etc/alsa/conf.d alsa-plugin/conf/*.conf
	@install -D -m 644 -t $(GUEST)/usr/lib/xorg/modules/drivers build/display-driver/mediapod_drv.so
	@install -D -m 644 -t $(GUEST)/usr/share/X11/xorg.conf.d display-driver/conf/*.conf
	@for script in start session; do \
		install -D -m 755 Sources/pod-desktop/$$script.sh $(GUEST)/usr/lib/mediapod/desktop/$$script || exit 1; done
	@cp -R Sources/pod-desktop/home Sources/pod-desktop/xdg $(GUEST)/usr/lib/mediapod/desktop/

# One test at a time: two cores, and what is judged is exactness. Testable imports would mean other compiler flags, and
# every module compiled anew at each turn from build to test.
test: setup build fuzzer lint
	$(SWIFT) test --disable-xctest --no-parallel --disable-testable-imports $(SWIFT_FLAGS)

fuzzer: swift
	@$(MAKE) --no-print-directory -C Tests/Fuzz SWIFTC=$(dir $(SWIFT))swiftc

FUZZ_SECONDS ?= 600
fuzz: fuzzer
	@$(MAKE) --no-print-directory -C Tests/Fuzz run SWIFTC=$(dir $(SWIFT))swiftc SECONDS=$(FUZZ_SECONDS)

lint: swift
	@SWIFT='$(SWIFT)' scripts/lint.sh

demo: setup build
	$(BIN)/mediapod-lab demo

bench-move: setup build
	$(BIN)/mediapod-lab bench-move

bench-sound: setup build
	$(BIN)/mediapod-lab bench-sound

bench-engine: setup build
	$(BIN)/mediapod-lab bench-engine

bench-display: setup build
	@scripts/setup.sh display-peers
	$(BIN)/mediapod-lab bench-display

# What the last run of the tests measured.
readme-programs:
	@sed -i -e '/<!-- programs -->/,/<!-- \/programs -->/{//!d}' -e '/<!-- programs -->/r build/programs.md' README.md

clean:
	rm -rf .build build

# `make -j`: set-up comes before the build, and the Swift build is parallel by itself.
.NOTPARALLEL:

.PHONY: help setup swift build guest test fuzzer fuzz lint demo bench-move bench-sound bench-engine bench-display readme-programs clean
