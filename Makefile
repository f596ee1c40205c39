# SPDX-License-Identifier: ISC
# One Makefile for GNU make, bmake and OpenBSD make; no configure script.
#
#	make			the programs, into build/
#	make install		PREFIX, DESTDIR and the paths below
#	make demo		install what it needs, build, show the main job on a real server
#	make regress		install what it needs, build, run every test
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
DOCDIR ?=	${PREFIX}/share/doc/rpopd
MANDIR ?=	${PREFIX}/share/man
STATEDIR ?=	/var/lib/rpopd
RUNDIR ?=	/run/rpopd

OS !=		uname -s
CC =		cc
PKG_CONFIG ?=	pkg-config
OPT ?=		-O2 -g
WARN =		-Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wpointer-arith -Wsign-compare -Wformat=2
HARDEN_CC !=	sh etc/cc-flags.sh ${CC}
HARDEN ?=	${HARDEN_CC} -fPIE
HARDEN_LD ?=	-pie -Wl,-z,relro,-z,now
DEFS =		-D_GNU_SOURCE -DLIBBSD_OPENBSD_VIS -DRPOPD_VERSION='"${VERSION}"' -DRPOPD_STATEDIR='"${STATEDIR}"' \
		-DRPOPD_RUNDIR='"${RUNDIR}"' -DRPOPD_LIBEXECDIR='"${LIBEXECDIR}"'
# The paths that are compiled in; a make with others makes anew what holds them.
PATHS !=	mkdir -p build; echo '${STATEDIR} ${RUNDIR} ${LIBEXECDIR}' >build/paths.new; \
		cmp -s build/paths.new build/paths && rm build/paths.new || mv build/paths.new build/paths
BSD_CFLAGS !=	pkg-config --cflags libbsd-overlay 2>/dev/null || true
ALL_CFLAGS =	-std=gnu11 ${OPT} ${WARN} ${CFLAGS} ${HARDEN} ${BSD_CFLAGS} ${DEFS} ${EXTRA_CFLAGS}
ALL_LDFLAGS =	${HARDEN_LD} -Wl,--as-needed ${LDFLAGS} ${EXTRA_CFLAGS}

# Calls that the test build can let fail, see common/fault.c.
FAULTS =	-Wl,--wrap=read,--wrap=write,--wrap=sendmsg,--wrap=recvmsg,--wrap=send,--wrap=fsync,--wrap=linkat,--wrap=renameat \
		-Wl,--wrap=unlinkat,--wrap=mkdirat,--wrap=fstat,--wrap=fstatat,--wrap=sync_file_range,--wrap=lseek,--wrap=readdir \
		-Wl,--wrap=fdopendir,--wrap=poll,--wrap=fork,--wrap=pipe2,--wrap=socketpair,--wrap=socket,--wrap=connect \
		-Wl,--wrap=setsockopt,--wrap=dup2,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=openat,--wrap=sqlite3_open_v2

# What differs between systems is chosen by name.
BSD_LIBS_Linux =	-lmd -lbsd
BSD_LIBS_OpenBSD =	-lutil
EVENT_LIBS_Linux =	-levent_core
EVENT_LIBS_OpenBSD =	-levent
SECCOMP_LIBS_Linux =	-lseccomp
IMSG_Linux =		common/imsg.o common/imsg_io.o common/ibuf.o
SANDBOX_Linux =		common/sandbox_linux.o common/landlock_linux.o common/seccomp_linux.o common/seccomp_table.o \
		common/seccomp_master.o
SANDBOX_OpenBSD =	common/sandbox_openbsd.o
SYNC_Linux =		deliverer/sync_linux.o
SYNC_OpenBSD =		deliverer/sync_posix.o

BASE_LIBS =	${SECCOMP_LIBS_${OS}} ${BSD_LIBS_${OS}}
EVENT_LIBS =	${EVENT_LIBS_${OS}}

COMMON =	${IMSG_${OS}} ${SANDBOX_${OS}} common/buf.o common/clock.o common/fault.o common/hook.o common/limits.o common/log.o \
		common/probe.o common/proc.o common/proto.o common/rules.o
SCHED =		rpopd/sched.o rpopd/gate.o rpopd/heap.o rpopd/host.o rpopd/share.o rpopd/retry.o rpopd/schedule.o
RPOPD =		${SCHED} rpopd/rpopd.o rpopd/ask.o rpopd/child.o rpopd/childlog.o rpopd/commit.o rpopd/control.o rpopd/jail.o rpopd/link_deliverer.o \
		rpopd/link_dialer.o rpopd/link_fetcher.o rpopd/notice.o rpopd/notify.o rpopd/options.o rpopd/orphan.o rpopd/pem.o rpopd/plan.o \
		rpopd/reload.o rpopd/report.o rpopd/session.o rpopd/session_tls.o rpopd/store_check.o \
		rpopd/store_config.o rpopd/store_queries.o rpopd/store_net.o rpopd/store_rows.o rpopd/store_rpop.o \
		rpopd/store_secret.o rpopd/store_told.o rpopd/quarantine_note.o \
		rpopd/store_seen.o rpopd/store_sql.o rpopd/store_state.o common/link.o build/state_schema.o \
		rpopd/digest_key.o rpopd/plan_uid.o rpopd/proof.o rpopd/quota.o rpopd/renumber.o rpopd/spot.o rpopd/store_change.o \
		rpopd/store_doubt.o rpopd/plan_step.o rpopd/counts.o rpopd/decide.o rpopd/routing.o \
		rpopd/store_commit.o rpopd/store_mailbox.o rpopd/store_migrate.o rpopd/store_nexthop.o \
		rpopd/former.o rpopd/store_former.o rpopd/store_clamp.o \
		rpopd/store_route.o rpopd/command.o rpopd/keeper.o rpopd/link_oauth.o rpopd/link_sender.o rpopd/session_open.o \
		rpopd/store_grant.o rpopd/store_token.o rpopd/token.o rpopd/token_end.o rpopd/token_program.o rpopd/token_request.o \
		rpopd/control_ask.o rpopd/control_queue.o rpopd/quarantine.o rpopd/relay.o rpopd/relay_dsn.o rpopd/relay_job.o \
		rpopd/relay_login.o rpopd/relay_result.o rpopd/relay_body.o rpopd/relay_proof.o rpopd/relay_move.o rpopd/store_body.o rpopd/store_hop.o \
		${ROUTE} common/route_check.o rpopd/store_rcpt.o \
		rpopd/store_relay.o rpopd/spool.o rpopd/commit_defer.o rpopd/control_try.o rpopd/control_wait.o rpopd/control_forget.o rpopd/try.o \
		rpopd/explain.o rpopd/store_explain.o rpopd/watch.o rpopd/refusal.o rpopd/capa.o rpopd/vanish.o rpopd/worker.o \
		rpopd/mailroot.o rpopd/space.o rpopd/budget.o rpopd/store_root.o rpopd/place.o rpopd/replay.o common/rootfile.o
ROUTE =		common/route.o common/route_walk.o common/route_wire.o common/strset.o
DIALER =	dialer/dialer.o dialer/address.o dialer/attempt.o dialer/dial.o dialer/dns.o dialer/hosts.o dialer/negative.o \
		dialer/policy.o dialer/report.o dialer/resolve.o dialer/socks.o
FETCHER =	fetcher/fetcher.o common/template.o fetcher/auth.o common/auth_mask.o common/base64.o fetcher/conn.o fetcher/events.o \
		fetcher/content.o fetcher/fingerprint.o fetcher/login.o fetcher/login_choose.o fetcher/outq.o fetcher/pop3.o \
		fetcher/pop3_check.o fetcher/pop3_cmd.o fetcher/pop3_list.o fetcher/pop3_reply.o fetcher/pop3_run.o \
		common/sasl.o common/sasl_check.o fetcher/session.o fetcher/session_rules.o fetcher/stream.o \
		fetcher/tlsconf.o common/tlserror.o fetcher/trace.o
DELIVERER =		deliverer/deliverer.o deliverer/batch.o deliverer/header.o deliverer/ingest.o deliverer/maildir.o \
		deliverer/master.o deliverer/notice.o deliverer/recipients.o deliverer/recover.o deliverer/report.o \
		deliverer/routes.o deliverer/spool.o ${SYNC_${OS}} ${ROUTE} common/mailaddr.o common/mailaddr_lex.o \
		deliverer/message.o deliverer/envelope.o deliverer/client.o deliverer/field.o deliverer/identity.o deliverer/proof.o deliverer/mark.o \
		deliverer/places.o deliverer/missed.o deliverer/prologue.o deliverer/queue.o deliverer/ask.o deliverer/tried.o \
		deliverer/aside.o deliverer/lookup.o deliverer/rootmark.o common/rootfile.o
OAUTH =		oauth/oauth.o common/template.o common/work.o oauth/form.o oauth/http.o oauth/json.o oauth/request.o
SENDER =		sender/sender.o common/template.o common/work.o sender/body.o sender/job.o sender/job_tls.o sender/smtp.o sender/smtp_address.o \
		sender/smtp_login.o sender/smtp_mail.o sender/smtp_reply.o sender/trace.o common/auth_mask.o common/base64.o \
		common/sasl.o common/sasl_check.o common/tlserror.o
RPOPCTL =		rpopctl/rpopctl.o rpopctl/client.o rpopctl/command.o rpopctl/json.o rpopctl/print.o \
		rpopctl/text.o rpopctl/lines.o rpopctl/queue.o rpopctl/tried.o
OBJS =		${COMMON} ${RPOPD} ${DIALER} ${FETCHER} ${DELIVERER} ${OAUTH} ${SENDER} ${RPOPCTL}
PROGS =		build/rpopd build/dialer build/fetcher build/deliverer build/oauth build/sender build/rpopctl
TEST_PROGS =		build/test/rpopd build/test/dialer build/test/fetcher build/test/deliverer build/test/oauth \
		build/test/sender build/test/rpopctl

all: ${PROGS}

.c.o:
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} -MMD -MP -MF ${@:.o=.d} -c -o $@ $<

# The same source with kill points and probes, for the tests only.
.c.to:
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} -DRPOPD_HOOKS -MMD -MP -MF ${@:.to=.td} -MT $@ -c -o $@ $<

build/rpopd: ${RPOPD} ${COMMON}
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${RPOPD} ${COMMON} -lsqlite3 ${EVENT_LIBS} ${BASE_LIBS}
build/dialer: ${DIALER} ${COMMON} common/link.o
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${DIALER} ${COMMON} common/link.o -lcares ${EVENT_LIBS} ${BASE_LIBS}
build/fetcher: ${FETCHER} ${COMMON} common/link.o
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${FETCHER} ${COMMON} common/link.o -ltls -lcrypto -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
build/deliverer: ${DELIVERER} ${COMMON} common/link.o
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${DELIVERER} ${COMMON} common/link.o -lidn2 ${EVENT_LIBS} ${BASE_LIBS}
build/oauth: ${OAUTH} ${COMMON} common/link.o
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${OAUTH} ${COMMON} common/link.o -ltls -ljansson ${EVENT_LIBS} ${BASE_LIBS}
build/sender: ${SENDER} ${COMMON} common/link.o
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${SENDER} ${COMMON} common/link.o -ltls -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
build/rpopctl: ${RPOPCTL} ${COMMON}
	@mkdir -p build
	${CC} ${ALL_LDFLAGS} -o $@ ${RPOPCTL} ${COMMON} ${BASE_LIBS}

test-programs: ${TEST_PROGS}
build/test/rpopd: ${RPOPD:.o=.to} ${COMMON:.o=.to}
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${RPOPD:.o=.to} ${COMMON:.o=.to} -lsqlite3 ${EVENT_LIBS} ${BASE_LIBS}
build/test/dialer: ${DIALER:.o=.to} ${COMMON:.o=.to} common/link.to
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${DIALER:.o=.to} ${COMMON:.o=.to} common/link.to -lcares ${EVENT_LIBS} ${BASE_LIBS}
build/test/fetcher: ${FETCHER:.o=.to} ${COMMON:.o=.to} common/link.to
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${FETCHER:.o=.to} ${COMMON:.o=.to} common/link.to -ltls -lcrypto -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
build/test/deliverer: ${DELIVERER:.o=.to} ${COMMON:.o=.to} common/link.to
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${DELIVERER:.o=.to} ${COMMON:.o=.to} common/link.to -lidn2 ${EVENT_LIBS} ${BASE_LIBS}
build/test/oauth: ${OAUTH:.o=.to} ${COMMON:.o=.to} common/link.to
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${OAUTH:.o=.to} ${COMMON:.o=.to} common/link.to -ltls -ljansson ${EVENT_LIBS} ${BASE_LIBS}
build/test/sender: ${SENDER:.o=.to} ${COMMON:.o=.to} common/link.to
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${SENDER:.o=.to} ${COMMON:.o=.to} common/link.to -ltls -lgsasl ${EVENT_LIBS} ${BASE_LIBS}
build/test/rpopctl: ${RPOPCTL:.o=.to} ${COMMON:.o=.to}
	@mkdir -p build/test
	${CC} ${ALL_LDFLAGS} ${FAULTS} -o $@ ${RPOPCTL:.o=.to} ${COMMON:.o=.to} ${BASE_LIBS}

build/test/syscalls: regress/syscalls.c common/seccomp_table.o
	@mkdir -p build/test
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} ${ALL_LDFLAGS} -o $@ regress/syscalls.c common/seccomp_table.o ${BASE_LIBS}

unit:
	+CC="${CC}" sh regress/build-unit.sh -std=gnu11 -g -O1 -Wall -Wextra ${BSD_CFLAGS} ${DEFS} ${EXTRA_CFLAGS}

# state.db's schema, compiled in.
build/state_schema.c: etc/state.sql
	@mkdir -p build
	{ echo 'extern const char state_schema[];'; echo 'const char state_schema[] ='; \
	    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' etc/state.sql; echo ';'; } > $@.tmp
	mv $@.tmp $@
build/state_schema.o build/state_schema.to: build/state_schema.c

rpopd/options.o rpopd/options.to rpopctl/rpopctl.o rpopctl/rpopctl.to: build/paths

install: all
	mkdir -p ${DESTDIR}${SBINDIR} ${DESTDIR}${LIBEXECDIR} ${DESTDIR}${SHAREDIR} ${DESTDIR}${DOCDIR}/examples \
	    ${DESTDIR}${MANDIR}/man5 ${DESTDIR}${MANDIR}/man8
	install -m 755 build/rpopd build/rpopctl ${DESTDIR}${SBINDIR}
	install -m 755 build/dialer build/fetcher build/deliverer build/oauth build/sender ${DESTDIR}${LIBEXECDIR}
	install -m 644 etc/rpopd.sql ${DESTDIR}${SHAREDIR}
	install -m 755 etc/rpopd-upgrade.sh ${DESTDIR}${SHAREDIR}
	install -m 644 README.md LICENSE ${DESTDIR}${DOCDIR}
	install -m 644 etc/rpopd.sysusers etc/rpopd.tmpfiles etc/oauth-examples.sql etc/rpopctl.bash ${DESTDIR}${DOCDIR}/examples
	for f in rpopd.service rpopd.rc; do \
		sed -e 's|/usr/sbin/|${SBINDIR}/|g' etc/$$f >${DESTDIR}${DOCDIR}/examples/$$f && \
		chmod 644 ${DESTDIR}${DOCDIR}/examples/$$f || exit 1; \
	done
	cp -R etc/provider ${DESTDIR}${DOCDIR}/examples
	install -m 644 rpopd/rpopd.db.5 ${DESTDIR}${MANDIR}/man5
	install -m 644 rpopd/rpopd.8 rpopctl/rpopctl.8 ${DESTDIR}${MANDIR}/man8

demo:
	sh etc/install-deps.sh demo
	${MAKE} all
	sh regress/demo/demo.sh

regress:
	sh etc/install-deps.sh test
	${MAKE} all test-programs unit
	sh regress/run.sh

lint:
	mandoc -Tlint -W warning rpopd/rpopd.8 rpopd/rpopd.db.5 rpopctl/rpopctl.8
	shellcheck etc/*.sh etc/provider/unified-store regress/*.sh regress/demo/*.sh bench/adapters/rpopd .ci/run

faults:
	sh etc/install-deps.sh test
	${MAKE} all test-programs
	RPOPD_FAULTS=all RPOPD_JOBS=1 sh regress/run.sh e2e regress/e2e/delivery/test_faults.py

crash:
	sh etc/install-deps.sh test
	${MAKE} all test-programs
	/usr/bin/python3 regress/crash.py ${CRASH_ARGS}

stories:
	sh etc/install-deps.sh test
	${MAKE} all test-programs
	/usr/bin/python3 regress/stories.py ${STORIES_ARGS}

syscalls: build/test/syscalls
	@build/test/syscalls

trace:
	sh etc/install-deps.sh test
	${MAKE} all test-programs build/test/syscalls
	sh regress/trace.sh ${TRACE_ARGS}

fuzz:
	sh etc/install-deps.sh test
	sh regress/fuzz.sh ${FUZZ_ARGS}

bench:
	sh etc/install-deps.sh bench
	${MAKE} all
	sh bench/run.sh

clean:
	rm -rf build
	rm -f ${OBJS} ${OBJS:.o=.to} ${OBJS:.o=.d} ${OBJS:.o=.td}

.PHONY: all test-programs unit install demo regress lint crash faults stories syscalls trace fuzz bench clean

# What each object depends on, as the compiler wrote it down; gathered anew at every start, so that a broken build leaves no gap.
DEPS !=	mkdir -p build && { cat */*.d */*.td 2>/dev/null || true; } > build/deps.mk && echo build/deps.mk
-include ${DEPS}
