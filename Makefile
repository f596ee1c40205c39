# SPDX-License-Identifier: ISC
# One Makefile for GNU make, bmake and OpenBSD make; no configure script.  The tests' part is regress/regress.mk.
#
#	make			the programs, into build/
#	make install		PREFIX, DESTDIR and the paths below
#	make demo		install what it needs, build, show the main job on a real server
#	make demo-web		the web page to be looked at, behind nginx on loopback, until Ctrl-C
#	make screenshots	pictures of its pages, into build/screenshots
#	make check		build, run the tests that need no root
#	make regress		install what they need, build, run every test
#	make lint		man pages and shell scripts
#	make crash, make faults, make stories, make fuzz	the long campaigns
#	make syscalls		the system calls each process may make, and with what (Linux)
#	make trace		whether the tests use all of them
#	make bench		side by side with other retrievers, see bench/README.md
.SUFFIXES:
.SUFFIXES: .c .o .to

VERSION =	0.1
PREFIX ?=	/usr
SBINDIR ?=	${PREFIX}/sbin
LIBEXECDIR ?=	${PREFIX}/libexec/rpopd
SHAREDIR ?=	${PREFIX}/share/rpopd
BASHDIR ?=	${PREFIX}/share/bash-completion/completions
ZSHDIR ?=	${PREFIX}/share/zsh/site-functions
FISHDIR ?=	${PREFIX}/share/fish/vendor_completions.d
DOCDIR ?=	${PREFIX}/share/doc/rpopd
MANDIR ?=	${PREFIX}/share/man
STATEDIR ?=	/var/lib/rpopd
RUNDIR ?=	/run/rpopd

OS !=		uname -s
CC =		cc
OPT ?=		-O2 -g
WARN =		-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wpointer-arith -Wsign-compare -Wformat=2
HARDEN_CC !=	sh etc/cc-flags.sh ${CC}
HARDEN ?=	${HARDEN_CC} -fPIE
HARDEN_LD ?=	-pie -Wl,-z,relro,-z,now
DEFS =		-D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS -DRPOPD_VERSION='"${VERSION}"' -DRPOPD_STATEDIR='"${STATEDIR}"' \
		-DRPOPD_RUNDIR='"${RUNDIR}"' -DRPOPD_LIBEXECDIR='"${LIBEXECDIR}"' \
		-DRPOPD_SBINDIR='"${SBINDIR}"'
# The paths that are compiled in; a make with others makes anew what holds them.
PATHS !=	mkdir -p build; echo '${STATEDIR} ${RUNDIR} ${LIBEXECDIR} ${SBINDIR}' >build/paths.new; \
		cmp -s build/paths.new build/paths && rm build/paths.new || mv build/paths.new build/paths
BSD_CFLAGS !=	pkg-config --cflags libbsd-overlay 2>/dev/null || true
ALL_CFLAGS =	-I. -std=gnu11 ${OPT} ${WARN} ${CFLAGS} ${HARDEN} ${BSD_CFLAGS} ${DEFS} ${EXTRA_CFLAGS}
ALL_LDFLAGS =	${HARDEN_LD} -Wl,--as-needed ${LDFLAGS} ${EXTRA_CFLAGS}

# What differs between systems is chosen by name.
BSD_LIBS_Linux =	-lmd -lbsd
BSD_LIBS_OpenBSD =	-lutil
EVENT_LIBS_Linux =	-levent_core
EVENT_LIBS_OpenBSD =	-levent
SECCOMP_LIBS_Linux =	-lseccomp
CRYPT_LIBS_Linux =	-lcrypt
BASE_LIBS =	${SECCOMP_LIBS_${OS}} ${BSD_LIBS_${OS}}
EVENT_LIBS =	${EVENT_LIBS_${OS}}
CRYPT_LIBS =	${CRYPT_LIBS_${OS}}

# A program is what its folders hold; ${O} is the suffix of its objects: o, or to for the programs with kill points in build/test.
O =		o
B =		build
COMMON !=	sh etc/sources.sh common common/ipc common/sandbox common/sasl common/route common/mail
RPOPD !=	sh etc/sources.sh rpopd rpopd/turn rpopd/db rpopd/config rpopd/state rpopd/child rpopd/delivery rpopd/sched rpopd/token rpopd/auth \
		rpopd/pop rpopd/relay rpopd/poll/plan rpopd/poll rpopd/edit rpopd/control \
		rpopd/web
DIALER !=	sh etc/sources.sh dialer
FETCHER !=	sh etc/sources.sh fetcher
DELIVERER !=	sh etc/sources.sh deliverer
OAUTH !=	sh etc/sources.sh oauth
SENDER !=	sh etc/sources.sh sender
AUTH !=	sh etc/sources.sh auth
MAILBOX !=	sh etc/sources.sh mailbox
POPD !=	sh etc/sources.sh popd
SIGNER !=	sh etc/sources.sh signer
WEB !=		sh etc/sources.sh web
RPOPCTL !=	sh etc/sources.sh rpopctl rpopctl/import
SOURCES =	${COMMON} ${RPOPD} ${DIALER} ${FETCHER} ${DELIVERER} ${OAUTH} ${SENDER} ${AUTH} ${MAILBOX} ${POPD} ${SIGNER} ${WEB} ${RPOPCTL} \
		build/state_schema.c build/config_schema.c
PROGS =		${B}/rpopd ${B}/dialer ${B}/fetcher ${B}/deliverer ${B}/oauth ${B}/sender ${B}/auth ${B}/mailbox ${B}/popd ${B}/signer \
		${B}/web ${B}/rpopctl
LINK =		${CC} ${ALL_LDFLAGS} ${WRAP} -o $@

all: ${PROGS}

${B}/common.a: ${COMMON:.c=.${O}}
	@mkdir -p ${B}
	@rm -f $@
	ar -crs $@ ${COMMON:.c=.${O}}
${B}/rpopd: ${RPOPD:.c=.${O}} build/state_schema.${O} build/config_schema.${O} ${B}/common.a
	${LINK} ${RPOPD:.c=.${O}} build/state_schema.${O} build/config_schema.${O} ${B}/common.a -lsqlite3 ${EVENT_LIBS} ${BASE_LIBS}
${B}/dialer: ${DIALER:.c=.${O}} ${B}/common.a
	${LINK} ${DIALER:.c=.${O}} ${B}/common.a -lcares ${EVENT_LIBS} ${BASE_LIBS}
${B}/fetcher: ${FETCHER:.c=.${O}} ${B}/common.a
	${LINK} ${FETCHER:.c=.${O}} ${B}/common.a -ltls -lcrypto -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
${B}/deliverer: ${DELIVERER:.c=.${O}} ${B}/common.a
	${LINK} ${DELIVERER:.c=.${O}} ${B}/common.a -lidn2 ${EVENT_LIBS} ${BASE_LIBS}
${B}/oauth: ${OAUTH:.c=.${O}} ${B}/common.a
	${LINK} ${OAUTH:.c=.${O}} ${B}/common.a -ltls -lcrypto -ljansson ${EVENT_LIBS} ${BASE_LIBS}
${B}/sender: ${SENDER:.c=.${O}} ${B}/common.a
	${LINK} ${SENDER:.c=.${O}} ${B}/common.a -ltls -lcrypto -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
${B}/auth: ${AUTH:.c=.${O}} ${B}/common.a
	${LINK} ${AUTH:.c=.${O}} ${B}/common.a -lgsasl ${CRYPT_LIBS} ${EVENT_LIBS} ${BASE_LIBS}
${B}/mailbox: ${MAILBOX:.c=.${O}} ${B}/common.a
	${LINK} ${MAILBOX:.c=.${O}} ${B}/common.a ${EVENT_LIBS} ${BASE_LIBS}
${B}/popd: ${POPD:.c=.${O}} ${B}/common.a
	${LINK} ${POPD:.c=.${O}} ${B}/common.a -ltls -lssl -lcrypto ${EVENT_LIBS} ${BASE_LIBS}
${B}/signer: ${SIGNER:.c=.${O}} ${B}/common.a
	${LINK} ${SIGNER:.c=.${O}} ${B}/common.a -lcrypto ${EVENT_LIBS} ${BASE_LIBS}
${B}/web: ${WEB:.c=.${O}} ${B}/common.a
	${LINK} ${WEB:.c=.${O}} ${B}/common.a -lgsasl ${CRYPT_LIBS} ${EVENT_LIBS} ${BASE_LIBS}
${B}/rpopctl: ${RPOPCTL:.c=.${O}} ${B}/common.a
	${LINK} ${RPOPCTL:.c=.${O}} ${B}/common.a -lgsasl ${CRYPT_LIBS} ${BASE_LIBS}

.c.o:
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} -MMD -MP -MF ${@:.o=.d} -c -o $@ $<
# The same source with kill points and probes, for the tests only.
.c.to:
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} -DRPOPD_HOOKS -MMD -MP -MF ${@:.to=.td} -MT $@ -c -o $@ $<

# The schemas, compiled in; the transaction that rpopd.sql is for sqlite3(1) is rpopd's own there.
AS_STRING =	sed -e '/^BEGIN IMMEDIATE;$$/d' -e '/^COMMIT;$$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/'
build/state_schema.c: etc/state.sql
	@mkdir -p build
	{ echo 'extern const char state_schema[];'; echo 'const char state_schema[] ='; ${AS_STRING} etc/state.sql; echo ';'; } >$@.tmp
	mv $@.tmp $@
build/config_schema.c: etc/rpopd.sql
	@mkdir -p build
	{ echo 'extern const char config_schema[];'; echo 'const char config_schema[] ='; ${AS_STRING} etc/rpopd.sql; echo ';'; } >$@.tmp
	mv $@.tmp $@
rpopd/config/options.o rpopd/config/options.to rpopctl/rpopctl.o rpopctl/rpopctl.to rpopctl/store.o \
	rpopctl/store.to: build/paths

install: all
	mkdir -p ${DESTDIR}${SBINDIR} ${DESTDIR}${LIBEXECDIR} ${DESTDIR}${SHAREDIR} ${DESTDIR}${DOCDIR}/examples \
	    ${DESTDIR}${MANDIR}/man5 ${DESTDIR}${MANDIR}/man7 ${DESTDIR}${MANDIR}/man8
	install -m 755 build/rpopd build/rpopctl ${DESTDIR}${SBINDIR}
	install -m 755 build/dialer build/fetcher build/deliverer build/oauth build/sender build/auth build/mailbox build/popd build/signer build/web \
		${DESTDIR}${LIBEXECDIR}
	install -m 644 etc/rpopd.sql ${DESTDIR}${SHAREDIR}
	install -m 755 etc/rpopd-upgrade.sh etc/completion/rpopctl-complete ${DESTDIR}${SHAREDIR}
	mkdir -p ${DESTDIR}${BASHDIR} ${DESTDIR}${ZSHDIR} ${DESTDIR}${FISHDIR}
	sed -e 's|/usr/share/rpopd/|${SHAREDIR}/|' etc/completion/rpopctl.bash >${DESTDIR}${BASHDIR}/rpopctl
	sed -e 's|/usr/share/rpopd/|${SHAREDIR}/|' etc/completion/_rpopctl >${DESTDIR}${ZSHDIR}/_rpopctl
	sed -e 's|/usr/share/rpopd/|${SHAREDIR}/|' etc/completion/rpopctl.fish >${DESTDIR}${FISHDIR}/rpopctl.fish
	chmod 644 ${DESTDIR}${BASHDIR}/rpopctl ${DESTDIR}${ZSHDIR}/_rpopctl ${DESTDIR}${FISHDIR}/rpopctl.fish
	install -m 644 README.md LICENSE ${DESTDIR}${DOCDIR}
	install -m 644 etc/rpopd.sysusers etc/rpopd.tmpfiles etc/oauth-examples.sql ${DESTDIR}${DOCDIR}/examples
	for f in rpopd.service rpopd.rc; do \
		sed -e 's|/usr/sbin/|${SBINDIR}/|g' etc/$$f >${DESTDIR}${DOCDIR}/examples/$$f && \
		chmod 644 ${DESTDIR}${DOCDIR}/examples/$$f || exit 1; \
	done
	cp -R etc/provider etc/web ${DESTDIR}${DOCDIR}/examples
	install -m 644 rpopd/rpopd.db.5 ${DESTDIR}${MANDIR}/man5
	install -m 644 etc/rpopd-cookbook.7 ${DESTDIR}${MANDIR}/man7
	install -m 644 rpopd/rpopd.8 popd/popd.8 rpopctl/rpopctl.8 ${DESTDIR}${MANDIR}/man8

clean:
	rm -rf build
	@rm -f ${SOURCES:.c=.o} ${SOURCES:.c=.to} ${SOURCES:.c=.d} ${SOURCES:.c=.td}

include regress/regress.mk
.PHONY: all install clean

# What each object depends on, as the compiler wrote it down; gathered anew at every start, so that a broken build leaves no gap.
DEPS !=	mkdir -p build && { cat */*.d */*.td */*/*.d */*/*.td */*/*/*.d */*/*/*.td 2>/dev/null || true; } >build/deps.mk && echo build/deps.mk
-include ${DEPS}
