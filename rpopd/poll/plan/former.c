/* SPDX-License-Identifier: ISC */
/*
 * Former mailboxes: those of state.db that no record names any more.  A record whose port, host, login, name or account was changed
 * has a new mailbox there; on the server it may be the same as before.  At the first listing of the new mailbox, each former one
 * that could be it, its kin, is compared by unique-ids and sizes:
 *
 *	kin by		of the former one's messages that should be there, listed are		then it is
 *	any		none									another mailbox
 *	any		more than a tenth of those with known sizes with another size		another mailbox
 *	login		LOGIN_EQUAL or more with their sizes					the same
 *	login		LOGIN_UNSIZED or more, nine tenths of all, no sizes known		the same
 *	record		RECORD_EQUAL or more with their sizes, FORMER_SIZES different ones	the same
 *	any		half of all, none with another size					in doubt
 *	any		anything else								another mailbox
 *
 * Unique-ids that are counters are the same in many mailboxes, and so are sizes of messages that a machine writes: hence the
 * numbers.  If the former mailbox is the same, the record has its state from now on.  If that is in doubt, the record has it, too,
 * but nothing is hidden by it: every message is retrieved and compared with what was delivered.  With another mailbox the record
 * starts afresh.
 *
 * Two records may share one remote mailbox, and both move at one load: what one of them has not retrieved yet must not be hidden
 * by what the other has.  So the mailbox that a record had under this account, name and login comes first, and one that another
 * record had so is left to that record until that has listed its own.
 *
 * Messages that were absent from the former mailbox's last listing, which may have been empty by a mistake of the server, count
 * where they are back with their sizes, and not otherwise.
 *
 * An empty listing proves nothing and is not the last word: the next one is compared.  For the state that the record has then, the
 * empty one was a listing that every message was absent from, so each message is proven before its row counts, see plan.c.
 *
 * first_poll is for a record that was never polled: with kin by login, or with a mailbox that lost its record when this one
 * appeared, nothing is marked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "rpopd/state/state.h"
#include "plan_int.h"

#define FORMER_MAX	16	/* former mailboxes that one listing is compared with */
#define LOGIN_EQUAL	3	/* messages, in the table above */
#define LOGIN_UNSIZED	20
#define RECORD_EQUAL	8
#define SIZE_SLACK	1024	/* octets by which a size that was promised may differ from what came */

struct candidate {			/* a mailbox that no record names, and that the session's may be */
	struct former		 f;
	enum kinship		 kin;
	enum former_proof	 proof;
	struct former_count	 count;
};

struct search {				/* of one listing */
	struct session		*s;
	const struct record	*rec;
	struct candidate	 list[FORMER_MAX];
	size_t			 n;
	struct former_count	*count;		/* of the candidate whose messages are being counted */
	enum former_past	 past;
	int			 busy;		/* a session is still ending with a candidate */
	int			 more;		/* a candidate is being made ready, in slices */
	int			 look;		/* nothing is written */
};

static int	 former_login(const char *, const char *);
static int	 former_family(const char *, const char *);
static const char *former_zone(const char *);
static int	 former_collect(void *, const struct former *);
static enum former_found former_choose(struct search *, const struct candidate **);
static int	 former_ready(struct search *);
static int	 former_compare(struct search *);
static int	 former_own(const struct former *, const struct record *);
static int	 former_rank(const struct search *, const struct candidate *);
static int	 former_reserved(const struct search *, const struct former *);
static void	 former_message(void *, const struct former_message *);
static int	 former_busy(const struct session *, int64_t);
static void	 former_afresh(const struct search *);
static int	 former_adopt(struct session *, const struct candidate *);
static void	 former_words(const struct former *, char *, size_t);

/* How a former mailbox may be the record's own. */
enum kinship
former_kin(const struct former *f, const struct record *rec)
{
	int	 name = former_own(f, rec);

	if (former_login(f->login, rec->user) &&
	    (name || former_family(f->host, rec->host) || (strchr(f->login, '@') != NULL && strcmp(f->login, rec->user) == 0)))
		return (KIN_LOGIN);
	return (name ? KIN_RECORD : KIN_NONE);
}

/* 1: the mailbox is of a record with this one's account and name. */
static int
former_own(const struct former *f, const struct record *rec)
{
	return (strcmp(f->account, rec->owner) == 0 && strcmp(f->record, rec->name) == 0);
}

/* 1: two logins are the same, or one of them is the other one completed by a domain. */
static int
former_login(const char *a, const char *b)
{
	size_t	 n = strlen(a), m = strlen(b), less = n < m ? n : m;

	return (strncmp(a, b, less) == 0 && (n == m || (n > m ? a : b)[less] == '@'));
}

/* 1: two names are of the same host, or of hosts of one domain. */
static int
former_family(const char *a, const char *b)
{
	const char	*x = former_zone(a), *y = former_zone(b);

	return (strcasecmp(a, b) == 0 || (x != NULL && y != NULL && strcasecmp(x, y) == 0));
}

/* The last two labels of a host's name, or three where these are short (co.uk).  NULL: it has not so many, or is an address. */
static const char *
former_zone(const char *host)
{
	const char	*p = host + strlen(host), *last = NULL;
	int		 labels = 0;

	if (strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host))
		return (NULL);
	while (p > host) {
		if (*--p != '.' && p > host)
			continue;
		if (*p == '.' && p[1] == '\0')
			continue;		/* the root's */
		labels++;
		if (labels >= 2 && (labels > 2 || last == NULL || last - p > 4))
			return (*p == '.' ? p + 1 : p);
		last = p;
	}
	return (NULL);
}

/* Counts a message that the former mailbox and the listing have, by its two sizes in octets (0: not known). */
void
former_size(struct former_count *c, int64_t known, int64_t listed)
{
	int64_t	 diff = known > listed ? known - listed : listed - known, slack = (known > listed ? known : listed) / 10;
	size_t	 i;

	c->present++;
	if (known == 0 || listed == 0) {
		c->unsized++;
		return;
	}
	if (diff != 0) {
		c->differ += diff > slack || diff > SIZE_SLACK;
		return;
	}
	c->equal++;
	for (i = 0; i < c->nsizes; i++)
		if (c->sizes[i] == known)
			return;
	if (c->nsizes < FORMER_SIZES)
		c->sizes[c->nsizes++] = known;
}

/* What a comparison proves: the table at the top. */
enum former_proof
former_judge(const struct former_count *c, enum kinship kin)
{
	if (kin == KIN_NONE || c->present == 0 || (uint64_t)c->differ * 10 > c->present - c->unsized)
		return (FORMER_OTHER);
	if (kin == KIN_LOGIN && (c->equal >= LOGIN_EQUAL || (c->unsized == c->present && c->unsized >= LOGIN_UNSIZED &&
	    (uint64_t)c->present * 10 >= (uint64_t)c->rows * 9)))
		return (FORMER_SAME);
	if (c->equal >= RECORD_EQUAL && c->nsizes == FORMER_SIZES)
		return (FORMER_SAME);
	return ((uint64_t)c->present * 2 >= c->rows && c->differ == 0 ? FORMER_DOUBT : FORMER_OTHER);
}

/*
 * Finds the mailbox that a session, at the first listing of its mailbox, had before: one that a record has left.  *past: what is
 * known of the record otherwise.
 */
enum former_found
former_find(struct session *s, enum former_past *past)
{
	struct search		*search;
	const struct candidate	*best;
	enum former_found	 found;

	*past = PAST_NONE;
	if (s->run.task == NULL)
		return (FOUND_NONE);
	if ((search = calloc(1, sizeof(*search))) == NULL)
		return (FOUND_FAILED);
	search->s = s;
	search->rec = s->run.task->rec;
	found = former_choose(search, &best);
	*past = search->past;
	if (found == FOUND_ONE && former_adopt(s, best) == -1)
		found = FOUND_FAILED;
	else if (found == FOUND_NONE)
		former_afresh(search);
	free(search);
	return (found);
}

/*
 * What former_find() would find, for a trial: the listing is compared, and nothing is written.  Never FOUND_MORE; with FOUND_ONE
 * f is the mailbox, which the session has not.
 */
enum former_found
former_look(struct session *s, enum former_past *past, struct former_seen *f)
{
	struct search		*search;
	const struct candidate	*best;
	enum former_found	 found;

	*past = PAST_NONE;
	if (s->run.task == NULL)
		return (FOUND_NONE);
	if ((search = calloc(1, sizeof(*search))) == NULL)
		return (FOUND_FAILED);
	search->s = s;
	search->rec = s->run.task->rec;
	search->look = 1;
	found = former_choose(search, &best);
	*past = search->past;
	if (found == FOUND_ONE) {
		f->mailbox = best->f.id;
		f->doubt = best->proof == FORMER_DOUBT;
		former_words(&best->f, f->words, sizeof(f->words));
	}
	free(search);
	return (found);
}

/* Compares all candidates, and chooses the best one that is not another mailbox. */
static enum former_found
former_choose(struct search *search, const struct candidate **best)
{
	const struct candidate	*c;
	size_t			 i;
	int			 rank, highest = -1;

	*best = NULL;
	if (state_formers(search->s->mailbox, former_collect, search) != DB_OK || former_compare(search) == -1)
		return (FOUND_FAILED);
	for (i = 0; i < search->n; i++) {
		c = &search->list[i];
		if (c->proof != FORMER_OTHER && (rank = former_rank(search, c)) > highest) {
			*best = c;
			highest = rank;
		}
	}
	if (search->more)
		return (FOUND_MORE);
	if (search->busy)
		return (FOUND_BUSY);
	return (*best != NULL ? FOUND_ONE : FOUND_NONE);
}

/*
 * The order of several that the listing speaks for: the record's own with its login, then the better proof, then the record's own.
 */
static int
former_rank(const struct search *search, const struct candidate *c)
{
	int	 own = former_own(&c->f, search->rec);

	return ((own && c->kin == KIN_LOGIN ? 16 : 0) + (int)c->proof * 2 + own);
}

/* Adds a mailbox that no record names, if the record may have come from it.  1: there are enough. */
static int
former_collect(void *arg, const struct former *f)
{
	struct search	*search = arg;
	enum kinship	 kin;

	if ((kin = former_kin(f, search->rec)) == KIN_NONE)
		return (0);
	if (search->past != PAST_POLLED)
		search->past = kin == KIN_LOGIN || f->replaced ? PAST_POLLED : PAST_KIN;
	search->list[search->n].f = *f;
	search->list[search->n].kin = kin;
	return (++search->n == FORMER_MAX);
}

/*
 * Lets the candidates be known by digest only as far as their last session has ended without saying whether its answers were in
 * step.  That is done in slices, for which former_find() is called again.  0: all are ready; 1: search->more is set; -1: the store.
 */
static int
former_ready(struct search *search)
{
	struct plan_work	*w = &search->s->plan.work;
	struct unprove		 u;
	int64_t			 id;
	enum db			 result;
	size_t			 i;
	int			 rv;

	for (i = 0; i < search->n && search->s->plan.count > 0; i++) {
		id = search->list[i].f.id;
		if ((rv = former_reserved(search, &search->list[i].f)) == -1)
			return (-1);
		if (rv || former_busy(search->s, id))
			continue;
		memset(&u, 0, sizeof(u));
		if (w->former == id)
			u = w->unprove;
		if ((result = state_unprove_slice(id, &u)) == DB_OK)
			continue;
		if (result != DB_MORE)
			return (-1);
		w->former = id;
		w->unprove = u;
		search->more = 1;
		return (1);
	}
	return (0);
}

/* Compares each candidate with the listing.  0, also if search->more or search->busy is set, or -1: the store. */
static int
former_compare(struct search *search)
{
	struct candidate	*c;
	char			 words[PROTO_ORIGIN_SIZE];
	size_t			 i;
	int			 reserved;

	if (!search->look && former_ready(search) != 0)
		return (search->more ? 0 : -1);
	for (i = 0; i < search->n && search->s->plan.count > 0; i++) {
		c = &search->list[i];
		search->count = &c->count;
		if ((reserved = former_reserved(search, &c->f)) == -1)
			return (-1);
		if (reserved)
			continue;
		if (former_busy(search->s, c->f.id)) {
			search->busy = 1;
			continue;
		}
		if (state_former_rows(c->f.id, former_message, search) != DB_OK)
			return (-1);
		c->proof = former_judge(&c->count, c->kin);
		former_words(&c->f, words, sizeof(words));
		log_debug("%s: compared with %s: of %u messages that should be there %u are, %u with the same size, %u with "
		    "another", search->s->label, words, c->count.rows, c->count.present, c->count.equal, c->count.differ);
	}
	return (0);
}

/*
 * 1: the mailbox is left to another record, which has its account, name and login, and whose own mailbox was not listed yet; 0: it
 * is not; -1: the store.
 */
static int
former_reserved(const struct search *search, const struct former *f)
{
	const struct task	*t;
	size_t			 i;
	enum db			 listed;

	if (former_own(f, search->rec))
		return (0);
	for (i = 0; i < sched_ntasks; i++) {
		t = &sched_tasks[i];
		if (former_own(f, t->rec) && former_kin(f, t->rec) == KIN_LOGIN)
			return ((listed = state_listed(t->mailbox)) == DB_FAILED ? -1 : listed == DB_NONE);
	}
	return (0);
}

/* Counts a message of the former mailbox. */
static void
former_message(void *arg, const struct former_message *m)
{
	struct search	*search = arg;
	struct plan	*p = &search->s->plan;
	uint32_t	 n;

	n = plan_find(p, m->uid, m->uidlen);
	/* A message that was absent once is not expected, but one that is back with its size says that this is the mailbox. */
	if (m->gone && (n == 0 || m->size == 0 || m->size != p->msgs[n].size))
		return;
	search->count->rows++;
	if (n != 0)
		former_size(search->count, m->size, p->msgs[n].size);
}

/* 1: a session that lost its record is still ending in this mailbox, so that it is not known yet what it commits. */
static int
former_busy(const struct session *s, int64_t mailbox)
{
	const struct session	*other;

	SESSION_FOREACH(other)
		if (other != s && other->mailbox == mailbox)
			return (1);
	return (0);
}

/* Says that the record starts afresh, if there is a mailbox that it might have had: the first one that was compared. */
static void
former_afresh(const struct search *search)
{
	const struct candidate	*c;
	char			 words[PROTO_ORIGIN_SIZE];

	for (c = search->list; c < search->list + search->n && c->count.rows == 0; c++)
		;
	if (c == search->list + search->n || search->s->plan.count == 0)
		return;
	former_words(&c->f, words, sizeof(words));
	log_info("%s: %s: not the mailbox of %s: of %u messages %u are here, %u with another size; it starts afresh",
	    search->s->label, search->s->where, words, c->count.rows, c->count.present, c->count.differ);
}

/* The session's mailbox, and its record's, is this former one from now on; the record's totals go along.  0, or -1: the store. */
static int
former_adopt(struct session *s, const struct candidate *c)
{
	struct task		*t = s->run.task;
	struct record_state	 rs;
	char			 words[PROTO_ORIGIN_SIZE], origin[PROTO_ORIGIN_SIZE], date[32] = "";
	struct tm		 tm;
	time_t			 now = time(NULL);
	int			 doubt = c->proof == FORMER_DOUBT;

	if (localtime_r(&now, &tm) != NULL)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	former_words(&c->f, words, sizeof(words));
	snprintf(origin, sizeof(origin), "%.430s, on %s, %s", words, date, doubt ? "in doubt, so it was compared only" : "proven");
	if (state_record_get(c->f.id, &rs) != DB_OK ||
	    state_former_adopt(&c->f, s->mailbox, t->rec, doubt, origin, now) != DB_OK)
		return (-1);
	s->mailbox = t->mailbox = c->f.id;
	t->rs.messages += rs.messages;
	t->rs.octets += rs.octets;
	t->rs.polls += rs.polls;
	if (t->rs.last_success < rs.last_success)
		t->rs.last_success = rs.last_success;
	if (doubt)
		log_info("%s: %s: state of %s goes along, but only to compare with: its messages are retrieved again, and "
		    "delivered unless they are the same", s->label, s->where, words);
	else
		log_info("%s: %s: state of %s goes along: %u of its %u messages are here", s->label, s->where, words,
		    c->count.present, c->count.rows);
	return (0);
}

/* Describes a mailbox as "account/record at host:port, login x". */
static void
former_words(const struct former *f, char *text, size_t size)
{
	char	 name[PROTO_RECORD_SIZE], login[96];

	log_vis(name, sizeof(name), f->record, strlen(f->record));
	log_vis(login, sizeof(login), f->login, strlen(f->login));
	snprintf(text, size, "%.120s/%.60s at %.100s:%u, login %.80s", f->account, name, f->host, f->port, login);
}
