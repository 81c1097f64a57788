# How the C programs that go into pods are built. Included by their Makefiles, which say:
#
#   OUT        where the program goes
#   ABI        the folder of the header that it shares with the host
#   LINKING    -pie or -static-pie
#   LIBRARIES  what it is linked with
#
# With SANITIZE=address,undefined, for tests: dynamic, with the sanitizers.
CC ?= cc
SANITIZE ?=

SOURCES = $(sort $(wildcard *.c))
HEADERS = $(wildcard *.h) $(wildcard $(ABI)/*.h)

WARNINGS = -Wall -Wextra -Werror
ifeq ($(SANITIZE),)
HARDENED = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LINK = $(LINKING) -Wl,-z,relro,-z,now,-z,noexecstack
else
HARDENED = -O1 -g -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined
LINK = -fsanitize=$(SANITIZE)
endif

$(OUT): $(SOURCES) $(HEADERS) Makefile ../../scripts/guest-program.mk
	@mkdir -p $(dir $(OUT))
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(HARDENED) $(CFLAGS) -I$(ABI) -o $@ $(SOURCES) \
		$(LINK) $(LDFLAGS) $(LIBRARIES)

.PHONY: clean
clean:
	rm -f $(OUT)
