/* SPDX-License-Identifier: ISC */
/* What an entry of a fetchmailrc becomes: server, login, how often, what stays there. */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/compat.h"
#include "common/utf8.h"
#include "fetchmail_int.h"

#define PERIOD_DEFAULT	600
#define PERIOD_MIN	10
#define PERIOD_MAX	31536000
#define SIZE_LIMIT	2147483647
#define MESSAGES_LIMIT	1000000
#define PASSWORD_MAX	1024
#define LOGIN_MAX	512

static int	 protocol(struct fm_file *, const struct fm_entry *);
static unsigned int port(const struct fm_value *);
static void	 server(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 login(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 mechanism(struct fm_file *, struct fm_entry *, struct import_record *);
static int	 fits(const char *, size_t);
static void	 schedule(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 leave(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 limits(struct fm_file *, struct fm_entry *, struct import_record *);
static void	 name(struct fm_file *, struct fm_entry *, struct import_record *);

int
fm_record(struct fm_file *f, struct fm_entry *e)
{
	struct import_record	*r;
	const struct fm_value	*via = fm_get(e, FM_VIA);

	if (protocol(f, e) == -1)
		return (0);
	f->handed += fm_get(e, FM_MDA)->line == 0 && fm_get(e, FM_BSMTP)->line == 0 && fm_get(e, FM_SMTPHOST)->line == 0;
	if ((r = field_record(f->lex.imp, e->line)) == NULL)
		return (-1);
	if ((r->label = strdup(e->name)) == NULL || (r->server = strdup(via->line != 0 ? via->text : e->name)) == NULL)
		err(1, NULL);
	name(f, e, r);
	fm_owner(f, e, r);
	fm_tls(f, e, r);
	server(f, e, r);
	login(f, e, r);
	schedule(f, e, r);
	leave(f, e, r);
	limits(f, e, r);
	fm_notes(f, e, r);
	return (0);
}

/* -1, and a note about the file, if it is not POP3 that the entry is about. */
static int
protocol(struct fm_file *f, const struct fm_entry *e)
{
	static const char *const	 lost[] = {
		[FM_PROTO_POP2] = "POP2, which nobody speaks any more",
		[FM_PROTO_IMAP] = "IMAP, and rpopd polls by POP3 alone; if the server has POP3, write proto pop3",
		[FM_PROTO_RPOP] = "RPOP, a login without a password, which rpopd does not have",
		[FM_PROTO_ETRN] = "ETRN, where the server sends mail by SMTP, so there is nothing to poll",
		[FM_PROTO_ODMR] = "ODMR, where the server sends mail by SMTP, so there is nothing to poll",
		[FM_PROTO_KPOP] = "KPOP, a login by Kerberos, which rpopd does not have",
	};
	const struct fm_value		*proto = fm_get(e, FM_PROTOCOL), *service = fm_get(e, FM_SERVICE);
	const struct fm_value		*user = fm_get(e, FM_USER);
	const char			*why;

	why = proto->line != 0 && (size_t)proto->number < nitems(lost) ? lost[proto->number] : NULL;
	if (why == NULL && (proto->line == 0 || proto->number == FM_PROTO_AUTO) && (port(service) == 143 || port(service) == 993))
		why = lost[FM_PROTO_IMAP];
	if (why == NULL)
		return (0);
	import_note(f->lex.imp, NULL, IMPORT_LOST, e->line, NULL, "%s%s%s becomes no record: it is polled by %s", e->name,
	    user->line != 0 ? ", user " : "", user->line != 0 ? user->text : "", why);
	return (-1);
}

/* The port of a service; 0: none is said, 65536: it is none. */
static unsigned int
port(const struct fm_value *service)
{
	static const struct {
		const char	*name;
		unsigned int	 port;
	} services[] = { { "pop3", 110 }, { "pop-3", 110 }, { "pop3s", 995 }, { "imap", 143 }, { "imap2", 143 }, { "imaps", 993 } };
	const char	*bad;
	long long	 number;
	size_t		 i;

	if (service->line == 0)
		return (0);
	for (i = 0; i < nitems(services); i++)
		if (strcmp(service->text, services[i].name) == 0)
			return (services[i].port);
	number = strtonum(service->text, 1, 65535, &bad);
	return (bad == NULL ? (unsigned int)number : 65536);
}

static void
server(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*plugin = fm_get(e, FM_PLUGIN), *service = fm_get(e, FM_SERVICE), *proto = fm_get(e, FM_PROTOCOL);
	unsigned int		 number = port(service);
	struct import		*imp = f->lex.imp;

	if (plugin->line != 0)
		import_note(imp, r, IMPORT_QUESTION, plugin->line, "domain", "%s is reached through a command, plugin, and rpopd "
		    "runs none; domain is the host that can be connected to directly", r->server);
	else if (number > 65535)
		import_note(imp, r, IMPORT_QUESTION, service->line, "domain", "the service %s is no port that is known here; "
		    "domain is host:port", service->text);
	else
		field_host(imp, r, e->line, r->server, number);
	if ((proto->line != 0 && proto->number != FM_PROTO_AUTO) || number != 0)
		return;
	if (fm_on(e, FM_KEEP, 0))
		import_note(imp, r, IMPORT_QUESTION, e->line, "first_poll", "no protocol is named, so fetchmail has tried IMAP "
		    "first, and which messages it has taken that way is in no file; first_poll is mark, if all that is there now "
		    "has been taken, or retrieve");
	else
		import_note(imp, r, IMPORT_NOTE, e->line, NULL, "no protocol is named, so fetchmail has tried IMAP first; here it "
		    "is POP3");
}

static void
login(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*user = fm_get(e, FM_USER), *password = fm_get(e, FM_PASSWORD);
	struct import		*imp = f->lex.imp;

	if (user->line == 0)
		import_note(imp, r, IMPORT_QUESTION, e->line, "auth_name", "no user is named, so fetchmail logs in under the name "
		    "of whoever runs it; auth_name is that name");
	else if (!fits(user->text, LOGIN_MAX))
		import_note(imp, r, IMPORT_QUESTION, user->line, "auth_name", "the user's name is empty, too long, or has a line "
		    "end in it");
	else
		import_set_text(r, "auth_name", user->text);
	mechanism(f, e, r);
	if (password->line == 0)
		import_note(imp, r, e->skip ? IMPORT_NOTE : IMPORT_QUESTION, e->line, e->skip ? NULL : "password", "the file has "
		    "no password; fetchmail looks for one in .netrc, or asks for it");
	else if (!fits(password->text, PASSWORD_MAX))
		import_note(imp, r, IMPORT_QUESTION, password->line, "password", "the password is empty, too long, or has a line "
		    "end in it");
	else
		import_set_text(r, "password", password->text);
}

static int
fits(const char *text, size_t max)
{
	size_t	 len = strlen(text);

	return (len > 0 && len <= max && text[strcspn(text, "\r\n")] == '\0');
}

static void
mechanism(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	static const struct {
		const char	*auth;		/* NULL: rpopd does not have it, and why */
		const char	*why;
	} ways[] = {
		[FM_AUTH_PASSWORD] = { "user", NULL }, [FM_AUTH_CRAM_MD5] = { "cram-md5", NULL }, [FM_AUTH_NTLM] = { "ntlm", NULL },
		[FM_AUTH_MSN] = { "msn", NULL },
		[FM_AUTH_GSSAPI] = { NULL, "gssapi logs in by Kerberos, which rpopd does not have" },
		[FM_AUTH_KERBEROS4] = { NULL, "rpopd does not have Kerberos" },
		[FM_AUTH_KERBEROS5] = { NULL, "rpopd does not have Kerberos" },
		[FM_AUTH_SSH] = { NULL, "ssh means no login at all, which rpopd does not have" },
		[FM_AUTH_EXTERNAL] = { NULL, "fetchmail has external for IMAP alone; here it needs tls_cert and tls_key" },
		[FM_AUTH_OTP] = { NULL, "rpopd does not have one-time passwords" },
	};
	const struct fm_value	*auth = fm_get(e, FM_AUTH), *proto = fm_get(e, FM_PROTOCOL);

	if (proto->line != 0 && proto->number == FM_PROTO_APOP)
		import_set_text(r, "auth", "apop");
	else if (auth->line != 0 && ways[auth->number].auth != NULL)
		import_set_text(r, "auth", ways[auth->number].auth);
	else if (auth->line != 0)
		import_note(f->lex.imp, r, IMPORT_QUESTION, auth->line, "auth", "%s; auth is a way that the server has, such as "
		    "auto", ways[auth->number].why);
}

static void
schedule(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*daemon = &f->all[FM_SET_DAEMON], *interval = fm_get(e, FM_INTERVAL);
	int64_t			 period = daemon->line != 0 && daemon->number > 0 ? daemon->number : PERIOD_DEFAULT, wanted;

	if (interval->line != 0 && interval->number > 1)
		period *= interval->number;
	wanted = period;
	period = period < PERIOD_MIN ? PERIOD_MIN : period > PERIOD_MAX ? PERIOD_MAX : period;
	if (e->skip) {
		import_set(r, "period", NULL, 0);
		import_note(f->lex.imp, r, IMPORT_NOTE, e->line, NULL, "skip: it is not polled until period has a value, such as "
		    "%" PRId64, period);
		return;
	}
	import_set_number(r, "period", period);
	if (wanted != period)
		import_note(f->lex.imp, r, IMPORT_NOTE, interval->line != 0 ? interval->line : daemon->line, NULL, "it is polled "
		    "every %" PRId64 " seconds in place of %" PRId64, period, wanted);
}

/* What is not deleted at once: flush deletes at the next poll what keep has left. */
static void
leave(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*flush = fm_get(e, FM_FLUSH), *all = fm_get(e, FM_FETCHALL);
	int			 keep = fm_on(e, FM_KEEP, 0);

	import_set_number(r, "leave", keep);
	if (fm_on(e, FM_FLUSH, 0) && keep) {
		import_set_number(r, "leave_days", 1);
		import_note(f->lex.imp, r, IMPORT_NOTE, flush->line, NULL, "keep with flush: messages are deleted a day after they "
		    "were delivered, not with the next poll, and none that was not delivered");
	} else if (fm_on(e, FM_FLUSH, 0))
		import_note(f->lex.imp, r, IMPORT_NOTE, flush->line, NULL, "flush: messages that were not delivered here are not "
		    "deleted");
	if (fm_on(e, FM_FETCHALL, 0) && keep)
		import_note(f->lex.imp, r, IMPORT_LOST, all->line, NULL, "fetchall: a message that stays on the server is "
		    "delivered once, not with each poll");
}

static void
limits(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*fetch = fm_get(e, FM_FETCHLIMIT), *expunge = fm_get(e, FM_EXPUNGE);
	int			 messages = 0;

	field_limit(f->lex.imp, r, fm_get(e, FM_LIMIT)->line, "max_size", fm_on(e, FM_LIMIT, 0), SIZE_LIMIT);
	if (fetch->line != 0 && fetch->number > 0) {
		messages = fetch->number;
		import_note(f->lex.imp, r, IMPORT_NOTE, fetch->line, NULL, "fetchlimit: behind %d messages the session ends and "
		    "the next one follows at once, not with the next poll", messages);
	}
	if (expunge->line != 0 && expunge->number > 0 && !fm_on(e, FM_KEEP, 0) && (messages == 0 || messages > expunge->number))
		messages = expunge->number;
	field_limit(f->lex.imp, r, fetch->line != 0 ? fetch->line : expunge->line, "session_messages", messages, MESSAGES_LIMIT);
}

/* What fetchmail calls the server, and the user where it has several; octets that are no UTF-8 are left out. */
static void
name(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*user = fm_get(e, FM_USER);
	const char		*behind = e->several && user->line != 0 ? user->text : NULL, *from;
	char			*text, *to;
	size_t			 len, left;

	if (asprintf(&text, "%s%s%s", e->name, behind != NULL ? "-" : "", behind != NULL ? behind : "") == -1)
		err(1, NULL);
	left = strlen(text);
	for (from = to = text; left > 0; from += len, left -= len)
		if ((len = utf8_length(from, left)) != 0) {
			memmove(to, from, len);
			to += len;
		} else
			len = 1;
	*to = '\0';
	field_name(f->lex.imp, r, text);
	free(text);
}
