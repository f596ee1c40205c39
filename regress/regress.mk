# SPDX-License-Identifier: ISC
# The tests' part of the Makefile, which includes this file.

test-programs: build/state_schema.c
	+@${MAKE} B=build/test O=to WRAP=@common/fault.wrap all
build/test/syscalls: regress/syscalls.c build/common.a
	@mkdir -p build/test
	${CC} ${ALL_CFLAGS} ${CPPFLAGS} ${ALL_LDFLAGS} -o $@ regress/syscalls.c build/common.a ${BASE_LIBS}
unit: build/state_schema.c
	+@CC="${CC}" sh regress/build-unit.sh ${TESTS} -- -I. -std=gnu11 -g -O1 -Wall -Wextra ${BSD_CFLAGS} ${DEFS} ${EXTRA_CFLAGS}

# What the tests and the long campaigns want.
ready:
	sh etc/install-deps.sh test
	${MAKE} all test-programs unit build/test/syscalls

demo:
	sh etc/install-deps.sh demo
	${MAKE} all
	sh regress/demo/demo.sh
demo-web:
	sh etc/install-deps.sh web
	${MAKE} all
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 regress/demo/demo_web.py
screenshots:
	sh etc/install-deps.sh web
	${MAKE} all
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 regress/screenshots.py ${SCREENSHOTS_ARGS}
# What needs no root, no network and no package that is not there.
check: all unit
	sh regress/run.sh unit
	sh regress/run.sh shell
regress: ready
	sh regress/run.sh
lint:
	mandoc -Tlint -W warning rpopd/rpopd.8 rpopd/rpopd.db.5 popd/popd.8 rpopctl/rpopctl.8 etc/rpopd-cookbook.7
	shellcheck etc/*.sh etc/completion/rpopctl-complete etc/provider/unified-store regress/*.sh regress/demo/*.sh bench/adapters/rpopd .ci/run
faults: ready
	RPOPD_FAULTS=all RPOPD_JOBS=1 sh regress/run.sh e2e regress/e2e/delivery/test_faults.py
crash: ready
	/usr/bin/python3 regress/crash.py ${CRASH_ARGS}
halves: ready
	/usr/bin/python3 regress/halves.py ${HALVES_ARGS}
together: ready
	/usr/bin/python3 regress/together.py ${TOGETHER_ARGS}
stories: ready
	/usr/bin/python3 regress/stories.py ${STORIES_ARGS}
trace: ready
	sh regress/trace.sh ${TRACE_ARGS}
fuzz: build/state_schema.c build/config_schema.c
	sh etc/install-deps.sh test
	sh regress/fuzz.sh ${FUZZ_ARGS} -- -I. -std=gnu11 ${BSD_CFLAGS} ${DEFS}
syscalls: build/test/syscalls
	@build/test/syscalls
bench:
	sh etc/install-deps.sh bench
	${MAKE} all
	sh bench/run.sh

.PHONY: test-programs unit ready demo demo-web screenshots check regress lint faults crash halves together stories trace fuzz syscalls bench
