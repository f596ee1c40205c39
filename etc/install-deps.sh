#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Install what rpopd needs on a Debian system, and create its users.
#
#	install-deps.sh			to build and run
#	install-deps.sh demo		and for `make demo`
#	install-deps.sh web		and for `make demo-web` and `make screenshots`
#	install-deps.sh test		and for `make regress`, `make lint` and the campaigns
#	install-deps.sh bench		and the peers it is measured against
#
# Quick when nothing is missing.  Packaged services are not started now, but as always on Debian they are enabled: a
# machine that is to be booted again and needs no Dovecot of its own wants `systemctl disable dovecot`, and after `test` one that is
# no web server `systemctl disable nginx lighttpd caddy`.

set -eu

build='make pkg-config libc6-dev libtls-dev libevent-dev libc-ares-dev libbsd-dev libmd-dev libsqlite3-dev libseccomp-dev
    libssl-dev libjansson-dev libgsasl-dev libidn2-dev libcrypt-dev ca-certificates sqlite3 idn2'
demo='curl dovecot-core dovecot-pop3d openssl python3'
web="$demo"' nginx-light chromium-headless-shell fonts-dejavu-core'
test="$web"' lighttpd lighttpd-mod-openssl apache2-bin caddy w3m tidy fetchmail getmail6 mpop fdm dovecot-imapd dovecot-lmtpd dovecot-sieve libauthen-sasl-perl libcmocka-dev libdigest-hmac-perl tzdata python3-pytest clang libclang-rt-14-dev llvm bmake libio-socket-ssl-perl mandoc neomutt s-nail strace procps iproute2 shellcheck e2fsprogs zsh fish'
bench="$demo"' fetchmail mpop fdm getmail6 procps e2fsprogs'

# POP3 servers and MTAs to be tested against.  Their packages conflict with each other and with Dovecot's: they are kept, not installed, and
# the tests unpack each into a root directory of its own.
servers='courier-pop,courier-authlib-userdb cyrus-pop3d,sasl2-bin,libsasl2-modules,libsasl2-modules-db mailutils-pop3d popa3d solid-pop3d
    postfix exim4-daemon-light opensmtpd sendmail-bin,sendmail-base,sendmail-cf'
server_dir=/var/cache/rpopd-regress
policy=/usr/sbin/policy-rc.d
made_policy=no

die() {
	echo "install-deps.sh: $*" >&2
	exit 1
}

# Names of the given packages that are not installed.
missing() {
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
	for package; do
		printf '%s\n' "$installed" | grep -qxF "$package installed" || printf '%s ' "$package"
	done
}

# Packages start their services unless a policy forbids it.  One that is already there is respected.
forbid_services() {
	[ -e $policy ] && return
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod 755 $policy
	made_policy=yes
}

allow_services() {
	[ $made_policy = no ] || rm -f $policy
	made_policy=no
}

apt() {
	DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@"
}

install_packages() {
	trap allow_services EXIT
	trap 'exit 1' HUP INT TERM
	forbid_services
	echo "install-deps.sh: installing $*"
	if ! apt install --no-install-recommends "$@"; then
		# the package lists may be old or missing
		apt update || die 'apt-get update failed'
		apt install --no-install-recommends "$@" || die "could not install: $*"
	fi
	allow_services
}

# Fetch a server's package and what it needs that is not installed: comma-separated names, the first is the server's.
keep_server() {
	dir=$server_dir/${1%%,*}
	[ -e "$dir/complete" ] && return
	[ "$(id -u)" -eq 0 ] || die "run it as root: $dir is missing"
	echo "install-deps.sh: fetching ${1%%,*}"
	names=$(echo "$1" | tr , ' ')
	mkdir -p "$dir"
	# shellcheck disable=SC2086
	apt -s install --no-install-recommends $names dovecot-pop3d- >"$dir/list" || {
		apt update || die 'apt-get update failed'
		apt -s install --no-install-recommends $names dovecot-pop3d- >"$dir/list" || die "cannot install ${1%%,*}"
	}
	# shellcheck disable=SC2046,SC2086
	(cd "$dir" && apt -o APT::Sandbox::User=root download $names $(sed -n 's/^Inst \([^ ]*\).*/\1/p' list)) ||
	    die "could not fetch ${1%%,*}"
	touch "$dir/complete"
}

create_user() {
	getent passwd "$1" >/dev/null && return
	useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin --comment "$2" "$1" ||
	    die "could not create user $1"
}

case ${1:-build} in
build)	packages=$build ;;
demo)	packages="$build $demo" ;;
web)	packages="$build $web" ;;
test)	packages="$build $test" ;;
bench)	packages="$build $bench" ;;
*)	die "unknown set of packages: $1 (build, demo, web, test or bench)" ;;
esac

command -v cc >/dev/null || packages="gcc $packages"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	die "this is not a Debian system; install the counterparts of these packages yourself: $packages"
fi
# shellcheck disable=SC2086 # a list of words
wanted=$(missing $packages)
if [ -n "$wanted" ] || ! getent passwd _rpopd _rpopf _rpopm _rpopo _rpops _rpopa _rpopl _rpopw _rpopk _rpopc >/dev/null || ! getent group _rpopctl >/dev/null; then
	[ "$(id -u)" -eq 0 ] || die "run it as root: packages or users are missing: ${wanted:-_rpopd _rpopf _rpopm _rpopo _rpops _rpopa _rpopl _rpopw _rpopk _rpopc}"
fi
if [ -n "$wanted" ]; then
	# shellcheck disable=SC2086
	install_packages $wanted
fi
if [ "${1:-build}" = test ]; then
	for server in $servers; do
		keep_server "$server"
	done
fi
create_user _rpopd 'rpopd dialer'
create_user _rpopf 'rpopd fetcher'
create_user _rpopm 'rpopd deliverer, owner of the Maildirs'
create_user _rpopo 'rpopd token requests'
create_user _rpops 'rpopd sender to next hops'
create_user _rpopa 'rpopd password checks'
create_user _rpopl 'rpopd POP3 server'
create_user _rpopw 'rpopd web page'
create_user _rpopk 'rpopd TLS keys'
create_user _rpopc 'rpopd token commands'
getent group _rpopctl >/dev/null || groupadd -r _rpopctl	# who may look with rpopctl; no process of rpopd is in it
