divert(-1)
dnl SPDX-License-Identifier: ISC
dnl
dnl A mailer that keeps the mail of whole domains in one Maildir, the recipient of each copy in X-Real-To.  This file goes to cf/feature
dnl (Debian: /usr/share/sendmail/cf/feature), unified-store from the directory above to /usr/local/libexec.  In sendmail.mc, before the
dnl MAILER lines, with the local user whose Maildir it is:
dnl
dnl	FEATURE(`mailertable')
dnl	FEATURE(`unified', `unified')
dnl
dnl and for each domain a line in /etc/mail/mailertable, from which makemap(8) makes the map:
dnl
dnl	example.org	unified:localhost
dnl
dnl The domain must be one that is relayed to (access map: To:example.org RELAY), not one of the local names.  A header line of sendmail's
dnl (H?T?X-Real-To: $u) would not do: $u is only set there when there is a single recipient, and a sender's own field would win.
divert(0)dnl
VERSIONID(`rpopd: unified')
define(`_UNIFIED_USER_', ifelse(len(X`'_ARG_), `1', `unified', _ARG_))dnl
define(`_UNIFIED_DIR_', ifelse(len(X`'_ARG2_), `1', `/home/_UNIFIED_USER_/Maildir', _ARG2_))dnl
MAILER_DEFINITIONS
Munified,	P=/usr/local/libexec/unified-store, F=DFMPnqu, U=_UNIFIED_USER_, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP/HdrFromSMTP,
		T=DNS/RFC822/X-Unix, E=\n,
		A=unified-store _UNIFIED_DIR_ $u
divert(0)dnl
