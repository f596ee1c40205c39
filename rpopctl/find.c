/* SPDX-License-Identifier: ISC */
/* rpopctl find: what is looked for, and how what was found is shown. */
#include <sys/types.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "rpopctl.h"

#define FIND_LIMIT	100		/* messages, if nothing else is asked for */

static int	 find_key(struct request *, const char *, char *, size_t);
static int	 find_word(struct ctl_find *, enum ctl_word, const char *, const char *, char *, size_t);
static int	 find_days(struct ctl_find *, const char *, char *, size_t);
static const char *find_day(const char *, int, int64_t *);
static int	 find_limit(struct ctl_find *, const char *, char *, size_t);

/* The keys that may stand ahead of a word; without one it is any of them. */
static const struct {
	const char	*name;		/* with its = */
	enum ctl_word	 word;
}	 keys[] = {
	{ "id=", CTL_WORD_ID }, { "from=", CTL_WORD_FROM }, { "to=", CTL_WORD_TO }
};

/* rpopctl find KEY ...; returns the exit status, 1 also if nothing was found. */
int
find_run(struct session *s)
{
	struct request	 req;
	struct reply	 rep;
	char		 error[256];
	size_t		 n;
	int		 status;

	if (find_parse(s->argc - 1, s->argv + 1, &req, error, sizeof(error)) == -1) {
		warnx("find: %s", error);
		return (1);
	}
	if (session_ask(s, &req, &rep) == -1)
		return (1);
	status = session_answer(s, &req, &rep);
	n = reply_items(&rep, IMSG_CTL_FOUND)->n;
	if (status == 0 && n == 0) {
		if (!s->json)
			warnx("find: no such message is remembered");
		status = 1;
	} else if (status == 0 && n == req.u.find.limit && !s->json)
		warnx("find: these are the last %zu; limit=N shows more of them, day=YYYY-MM-DD those of a day", n);
	reply_free(&rep);
	return (status);
}

/* The request of the words behind find.  0, or -1 with a sentence in err. */
int
find_parse(int argc, char *argv[], struct request *req, char *err, size_t errsize)
{
	struct ctl_find	*m = &req->u.find;
	int		 i;

	memset(req, 0, sizeof(*req));
	req->type = IMSG_CTL_FIND;
	req->items[0] = IMSG_CTL_FOUND;
	req->listing = 1;
	req->len = sizeof(*m);
	m->until = INT64_MAX;
	if (argc > 0 && strcmp(argv[0], "--") == 0) {
		argc--;
		argv++;
	}
	for (i = 0; i < argc; i++)
		if (find_key(req, argv[i], err, errsize) == -1)
			return (-1);
	if (m->given == 0 && m->since == 0 && m->until == INT64_MAX) {
		strlcpy(err, "what? id=MESSAGE-ID, from=ADDRESS, to=ADDRESS, day=YYYY-MM-DD, several of them, or a word that may be any of "
		    "the first three; @domain stands for all addresses in a domain", errsize);
		return (-1);
	}
	if (m->limit == 0)
		m->limit = FIND_LIMIT;
	return (0);
}

/* A word of the command line.  0 or -1. */
static int
find_key(struct request *req, const char *arg, char *err, size_t errsize)
{
	size_t	 i, len;

	if (strncmp(arg, "day=", 4) == 0)
		return (find_days(&req->u.find, arg + 4, err, errsize));
	if (strncmp(arg, "limit=", 6) == 0)
		return (find_limit(&req->u.find, arg + 6, err, errsize));
	for (i = 0; i < nitems(keys); i++) {
		len = strlen(keys[i].name);
		if (strncmp(arg, keys[i].name, len) == 0)
			return (find_word(&req->u.find, keys[i].word, keys[i].name, arg + len, err, errsize));
	}
	return (find_word(&req->u.find, CTL_WORD_ANY, "a word without a key", arg, err, errsize));
}

/*
 * A Message-ID or an address, with or without angle brackets; <> is the sender of reports.  What is no printable ASCII is encoded, as a
 * Message-ID is remembered.  0 or -1.
 */
static int
find_word(struct ctl_find *m, enum ctl_word word, const char *key, const char *text, char *err, size_t errsize)
{
	char	 shown[64], *to = m->words[word];
	size_t	 len = strlen(text), size = sizeof(m->words[word]), i;

	if (m->given & 1U << word) {
		snprintf(err, errsize, "%s may be given once", key);
		return (-1);
	}
	if ((len == 0 && word != CTL_WORD_FROM) || len >= size) {
		snprintf(err, errsize, "%s: %s is %s", key, text_vis(shown, sizeof(shown), text), len == 0 ? "empty" : "too long");
		return (-1);
	}
	m->given |= 1U << word;
	if (len > 1 && text[0] == '<' && text[len - 1] == '>') {
		text++;
		len -= 2;
	}
	for (i = 0; i < len && text[i] > ' ' && text[i] <= '~'; i++)
		;
	if (word != CTL_WORD_ID || i == len) {
		memcpy(to, text, len);
		to[len] = '\0';
	} else
		log_vis(to, PROTO_MSGID_SIZE, text, len);
	/* What is remembered of a longer one is its beginning. */
	if (word == CTL_WORD_ID && len > LOG_VIS_MAX && i == len)
		to[LOG_VIS_MAX] = '\0';
	return (0);
}

/* A day, or the first and the last of several with .. in between.  0 or -1. */
static int
find_days(struct ctl_find *m, const char *text, char *err, size_t errsize)
{
	const char	*p;
	char		 shown[64];

	if (m->since != 0 || m->until != INT64_MAX) {
		strlcpy(err, "day= may be given once", errsize);
		return (-1);
	}
	p = find_day(text, 0, &m->since);
	if (p != NULL && strncmp(p, "..", 2) == 0)
		p = find_day(p + 2, 1, &m->until);
	else if (p != NULL)
		p = find_day(text, 1, &m->until);
	if (p != NULL && *p == '\0' && m->since < m->until)
		return (0);
	snprintf(err, errsize, "day=%s: must be YYYY-MM-DD, or YYYY-MM-DD..YYYY-MM-DD from the first to the last day",
	    text_vis(shown, sizeof(shown), text));
	return (-1);
}

/*
 * When a day, or the one so many days behind it, begins in local time; returns what follows its name, NULL: it is none.  mktime(3) would
 * look for the time zone in the file system, which is out of reach here; localtime_r(3) knows it.
 */
static const char *
find_day(const char *text, int behind, int64_t *when)
{
	struct tm	 want, local;
	const char	*end;
	time_t		 t, there;
	int		 i, day;

	memset(&want, 0, sizeof(want));
	if (strspn(text, "0123456789") != 4 || (end = strptime(text, "%Y-%m-%d", &want)) == NULL || end - text != 10)
		return (NULL);
	day = want.tm_mday;
	if (timegm(&want) == -1 || want.tm_mday != day)
		return (NULL);
	want.tm_mday += behind;
	t = there = timegm(&want);
	for (i = 0; i < 3; i++) {
		if (localtime_r(&t, &local) == NULL)
			return (NULL);
		t += there - timegm(&local);
	}
	if (t < 0)
		return (NULL);
	*when = t;
	return (end);
}

static int
find_limit(struct ctl_find *m, const char *text, char *err, size_t errsize)
{
	const char	*error;
	char		 shown[64];

	m->limit = (uint32_t)strtonum(text, 1, CTL_FIND_MAX, &error);
	if (error == NULL)
		return (0);
	snprintf(err, errsize, "limit=%s: must be 1 to %d", text_vis(shown, sizeof(shown), text), CTL_FIND_MAX);
	return (-1);
}

/* When and as what a message came, from whom, by which record, and what became of its recipients. */
void
found_print(const struct out *o, const struct request *req __unused, const struct items *items)
{
	const struct ctl_found	*m = items->v;
	const char		*p;
	char			 text[PROTO_SENDER_SIZE * 4], when[64], octets[32], line[CTL_RESULTS_SIZE];
	size_t			 i;

	for (i = 0; i < items->n; i++, m++) {
		fprintf(o->fp, "%s  %s\n", text_local(when, sizeof(when), m->since),
		    m->message_id[0] == '\0' ? "no Message-ID" : text_vis(text, sizeof(text), m->message_id));
		fprintf(o->fp, "%*sfrom <%s>, ", INDENT, "", text_vis(text, sizeof(text), m->sender));
		fprintf(o->fp, "%s, ", text_octets(octets, sizeof(octets), m->size));
		if (m->record[0] != '\0')
			fprintf(o->fp, "%s, ", text_vis(text, sizeof(text), m->record));
		else if (m->mailbox == 0)
			fprintf(o->fp, "sent here, ");
		else
			fprintf(o->fp, "mailbox %lld, ", (long long)m->mailbox);
		fprintf(o->fp, "unique-id %s\n", text_vis(text, sizeof(text), m->uid));
		for (p = m->results; *p != '\0';) {
			p = text_line(p, line, sizeof(line));
			fprintf(o->fp, "%*s", INDENT, "");
			print_wrapped(o, line, INDENT);
		}
	}
}
