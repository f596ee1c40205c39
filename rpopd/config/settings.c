/* SPDX-License-Identifier: ISC */
/* The row of table settings, for config_load(). */
#include <stddef.h>
#include <string.h>

#include "common/ipc/proto_auth.h"
#include "common/log.h"
#include "config_int.h"

static const struct word	 clear_words[] = {
	{ "never", POP_CLEAR_NEVER }, { "local", POP_CLEAR_LOCAL }, { "always", POP_CLEAR_ALWAYS }, { NULL, 0 }
};
static const struct word	 level_words[] = {
	{ "crashes", LOG_LEVEL_CRASHES }, { "failures", LOG_LEVEL_FAILURES }, { "major", LOG_LEVEL_MAJOR },
	{ "problems", LOG_LEVEL_PROBLEMS }, { "low", LOG_LEVEL_LOW }, { "all", LOG_LEVEL_ALL }, { NULL, 0 }
};

#define ROW	struct settings
#define SETTINGS_COLUMNS(X) \
	X(main_domain,	OTHER(OPTIONAL, PROTO_HOST_SIZE - 1)) \
	X(mail_root,	BUFFER(mail_root, REQUIRED, 1023, check_path, "must be an absolute path without ..")) \
	X(ca_dir,	BUFFER(ca_dir, REQUIRED, 1023, check_path, "must be an absolute path without ..")) \
	X(hostname,	BUFFER(hostname, OPTIONAL, PROTO_HOST_SIZE - 1, check_hostname, "must be a host name, or NULL for the system's own")) \
	X(nameservers,	BUFFER(nameservers, OPTIONAL, 255, check_nameservers, \
	    "must be numeric addresses, ip, ip:port or [v6]:port, separated by commas, or NULL")) \
	X(processors,	NUMBER(processors, REQUIRED, 0, 1000)) \
	X(use_apop,	NUMBER(use_apop, REQUIRED, 0, 1)) \
	X(idle_timeout,	NUMBER(idle_timeout, REQUIRED, 10, 3600)) \
	X(session_timeout, NUMBER(session_timeout, REQUIRED, 60, 86400)) \
	X(delay_failed_hosts, NUMBER(delay_failed_hosts, REQUIRED, 10, 604800)) \
	X(delay_failed_accounts, NUMBER(delay_failed_accounts, REQUIRED, 10, 604800)) \
	X(host_sessions, NUMBER(host_sessions, REQUIRED, 1, 1000)) \
	X(schedule,	TEXT(schedule, OPTIONAL, SCHEDULE_SIZE - 1, NULL, NULL)) \
	X(source_address, TEXT(source, OPTIONAL, SOURCE_SIZE - 1, check_source, \
	    "must be numeric addresses of this host, one per family, by commas, or NULL")) \
	X(use_domain_addresses, NUMBER(use_domain_addresses, REQUIRED, 0, 1)) \
	X(self_poll,	NUMBER(self_poll, REQUIRED, 0, 1)) \
	X(socks,	TEXT(socks, OPTIONAL, 63, check_socks, "must be the SOCKS5 server's numeric address and port, or NULL")) \
	X(log_level,	OTHER(REQUIRED, 63)) \
	X(nexthop,	NEXTHOP_JUDGED) \
	X(report_nexthop, NEXTHOP(report_nexthop)) \
	X(archive,	TEXT(archive, OPTIONAL, PROTO_ADDR_SIZE - 1, check_mailbox, "must be local-part@domain in lower case, or NULL")) \
	X(detail,	OTHER(REQUIRED, 1)) \
	X(hop_limit,	NUMBER(hop_limit, REQUIRED, 10, 1000)) \
	X(queue_age,	NUMBER(queue_age, REQUIRED, 600, 2592000)) \
	X(queue_limit,	NUMBER(queue_limit, REQUIRED, 1, 1000000)) \
	X(keep_state_days, NUMBER(keep_state_days, REQUIRED, 0, 3650)) \
	X(min_free,	NUMBER(min_free, REQUIRED, 0, 1048576)) \
	X(history_days,	NUMBER(history_days, REQUIRED, 0, 3650)) \
	X(user_min_period, NUMBER(user_min_period, REQUIRED, 10, 31536000)) \
	X(user_max_records, NUMBER(user_max_records, REQUIRED, 0, 1000)) \
	X(unified_field, BUFFER(unified_field, REQUIRED, PROTO_FIELD_SIZE - 1, check_unified_field, \
	    "must be the name of one header field, which is not one that belongs to messages")) \
	X(pop_channels,	NUMBER(pop_channels, REQUIRED, 0, 10000)) \
	X(pop_per_address, NUMBER(pop_per_address, REQUIRED, 1, 10000)) \
	X(pop_login_delay, NUMBER(pop_login_delay, REQUIRED, 0, 86400)) \
	X(pop_idle,	NUMBER(pop_idle, REQUIRED, 600, 86400)) \
	X(pop_clear,	WORD(pop_clear, REQUIRED, clear_words, "must be never, local or always")) \
	X(pop_apop,	NUMBER(pop_apop, REQUIRED, 0, 1)) \
	X(pop_log_level, WORD(pop_log_level, OPTIONAL, level_words, "must be crashes, failures, major, problems, low, all, or NULL")) \
	X(pop_auth,	TEXT(pop_auth, REQUIRED, 1023, check_pop_auth, \
	    "must be store, the path of Dovecot's auth socket, or checkpassword: and a command, an absolute path and words behind it")) \
	X(pop_auth_user, TEXT(pop_auth_user, OPTIONAL, 32, NULL, NULL)) \
	X(submit_nexthop, NEXTHOP(submit_nexthop)) \
	X(submit_limit,	NUMBER(submit_limit, REQUIRED, 1, 100000)) \
	X(submit_recipients, NUMBER(submit_recipients, REQUIRED, 1, 1000)) \
	X(submit_size,	NUMBER(submit_size, REQUIRED, 1024, 1073741824)) \
	X(web_socket,	BUFFER(web_socket, OPTIONAL, 103, check_path, "must be an absolute path without .., or NULL")) \
	X(web_group,	BUFFER(web_group, OPTIONAL, 32, NULL, NULL))

enum { SETTINGS_COLUMNS(COLUMN_PLACE) SETTINGS_MAX };
static const struct column	 columns[] = { SETTINGS_COLUMNS(COLUMN) };
const struct table		 settings_table = { "settings", columns, SETTINGS_MAX, "" };

/* The row of table settings.  0, or -1: no memory. */
int
load_settings(struct load *ld, sqlite3_stmt *st)
{
	struct settings	*s = &ld->c->settings;
	const char	*level, *detail;

	strlcpy(ld->row, "settings", sizeof(ld->row));
	if (ld->main_domain != NULL) {
		load_bad(ld, "settings: there is more than one row; delete all but the one with id 1");
		return (0);
	}
	if (table_load(ld, st, &settings_table, s) == -1 ||
	    (ld->main_domain = load_text(ld, st, AT_main_domain, PROTO_HOST_SIZE)) == NULL ||
	    (level = load_peek(ld, st, AT_log_level, 64)) == NULL || (detail = load_peek(ld, st, AT_detail, 2)) == NULL)
		return (-1);
	if (s->session_timeout < s->idle_timeout)
		load_bad(ld, "settings: session_timeout must not be shorter than idle_timeout");
	if ((s->log_level = log_level_parse(level)) == 0)
		load_bad_value(ld, st, AT_log_level, "must be crashes, failures, major, problems, low or all");
	s->pop_source = s->pop_auth[0] == '/' ? AUTH_SOURCE_DOVECOT :
	    strncmp(s->pop_auth, POP_AUTH_PROGRAM, sizeof(POP_AUTH_PROGRAM) - 1) == 0 ? AUTH_SOURCE_PROGRAM : AUTH_SOURCE_STORE;
	if (s->pop_auth_user[0] != '\0' && (s->pop_source != AUTH_SOURCE_PROGRAM || strcmp(s->pop_auth_user, "root") == 0))
		load_bad_value(ld, st, AT_pop_auth_user, "must be the user, not root, that the program of pop_auth runs as, or NULL");
	s->main_domain = ld->main_domain;
	s->detail = *detail;
	if (load_null(st, AT_detail) || strchr("+-=._#", *detail) == NULL)
		load_bad_value(ld, st, AT_detail, "must be one of + - = . _ #, or empty");
	return (0);
}
