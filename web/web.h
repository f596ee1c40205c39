/* SPDX-License-Identifier: ISC */
/*
 * The web page: a FastCGI responder.  A listener accepts the web server's connections and forks a process for each, which answers one
 * request and ends.  It opens nothing by itself: it has the web server's connection and channels to the master, and while somebody logs
 * in one to an auth process.  It runs no script and sends none.
 *
 *	web.c		the program
 *	accept.c	connections of the web server's, and the forks for them
 *	fcgi.c		FastCGI: records, parameters, the body
 *	form.c		names and values that a browser has sent
 *	request.c	what is asked for: path, method, cookie, whence
 *	answer.c	what goes back: status, header fields, a page
 *	html.c		pieces of pages, which escape what is not ours
 *	channel.c	the channels to the master and to an auth process
 *	ask.c		requests at the control channel, and their answers
 *	table.c		rows of rpopd.db
 *	visit.c		a request's life: who asks, which page, its end
 *	page.c		what all pages have
 *	pages.c		the pages as a table
 *	login.c		logging in and out
 *	style.c		the style sheet
 *	records.c, record_row.c, try.c, password.c, accounts.c		pages of users and administrators
 *	settings.c, status.c, queue.c, quarantine.c, alerts.c		pages of administrators
 */
#ifndef WEB_H
#define WEB_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/compat.h"
#include "common/ipc/cells.h"
#include "common/ipc/imsg.h"
#include "common/ipc/proto_ctl.h"
#include "common/ipc/proto_web.h"
#include "common/ipc/rules.h"

#define PARAMS_MAX	65536	/* octets of all parameters of a request */
#define BODY_MAX	1048576	/* octets of a body: a table of 1,000 records */
#define FIELDS_MAX	20000	/* names in a form */
#define COOKIE_NAME	"__Host-rpopd"
#define REQUEST_TIME	30	/* s for everything; then the process is killed */
#define WAIT_TIME	25	/* s after which nobody is waited for any more, so that a page can say so */

/* --- fcgi.c --- */

struct fcgi {			/* zeroed at first; fcgi_free() */
	int		 begun, whole;
	int		 over;		/* a status of HTTP: what was sent is more than is taken, and the rest was dropped */
	int		 ended;		/* the web server wants no answer any more, or asked for what a responder does not do */
	int		 body_due;	/* the parameters are whole */
	uint16_t	 id;
	struct buf	 params, body, in;
	struct buf	 out;		/* what is to be sent ahead of an answer: about the application, and about other requests */
};

int		 fcgi_take(struct fcgi *, const uint8_t *, size_t);	/* octets of the web server's; -1: they are not FastCGI */
const char	*fcgi_param(const struct fcgi *, const char *name, char *, size_t);	/* NULL: there is none, or it does not fit, or has a NUL */
int		 fcgi_write(int fd, uint16_t id, const void *, size_t);	/* a whole answer and its end; 0 or -1 */
void		 fcgi_free(struct fcgi *);

/* --- form.c --- */

struct field {
	char		*name, *value;	/* each with a NUL behind it, and none within */
};

struct form {			/* form_free() wipes it */
	struct field	*v;		/* by name, and those of one name as they came */
	size_t		 n;
	char		*octets;
	size_t		 len;
};

int		 form_parse(struct form *, const uint8_t *, size_t);	/* application/x-www-form-urlencoded; -1: it is not */
const char	*form_get(const struct form *, const char *name);	/* NULL: there is none */
const char	*form_row(const struct form *, size_t row, const char *name);	/* of "name.row"; NULL: there is none */
void		 form_free(struct form *);

/* --- request.c --- */

enum method { METHOD_GET, METHOD_POST, METHOD_OTHER };

struct request {
	enum method	 method;	/* HEAD is GET */
	int		 head;
	int		 https;		/* the web server says that the connection is one */
	int		 cross;		/* another site has sent the browser here */
	char		 base[128];	/* where the pages are: "" or "/mail" */
	char		 path[128];	/* below that: "/records" */
	struct form	 query, form;
	int		 tokens;	/* the cookie is there */
	uint8_t		 token[PROTO_TOKEN_LEN];
	char		 client[PROTO_CLIENT_SIZE];
};

int		 request_read(struct request *, const struct fcgi *);	/* 0, or a status of HTTP that says what is wrong */

/* --- answer.c --- */

struct answer {
	int		 status;	/* 200 at first */
	const char	*type;		/* text/html; charset=utf-8 at first */
	char		 location[2048];	/* with 303 */
	int		 kept;		/* 1: a browser may keep it */
	char		 cookie[256];	/* the whole field's value; empty: none */
	struct buf	 body;
	int		 full;		/* there was no room for something: status 500 goes out in its place */
};

void	 answer_begin(struct answer *);
void	 answer_see(struct answer *, const struct request *, const char *path);	/* 303 See Other */
void	 answer_send(struct answer *, const struct request *, int fd, uint16_t id);

/* --- html.c: what is foreign goes through text(), and nothing else puts it into a page --- */

void	 put(struct answer *, const char *literal);
void	 putf(struct answer *, const char *fmt, ...) __attribute__((__format__(printf, 2, 3)));	/* numbers and literals only, no %s */
void	 text(struct answer *, const char *);		/* escaped, also within "" of an attribute */
void	 text_len(struct answer *, const char *, size_t);
void	 text_time(struct answer *, int64_t epoch);	/* <time>, local */
void	 put_path(struct answer *, const struct request *, const char *path);	/* base and path, escaped */

/* --- ask.c, table.c: each returns 0; or -1, and v->said has the daemon's sentence --- */

struct page;

struct visit {
	const struct page	*pages;		/* all there are, for the navigation */
	size_t			 npages;
	struct request		 req;
	struct answer		 answer;
	struct msg_web_entered	 me;		/* me.entry is WEB_ENTERED on all pages but the login */
	struct imsgbuf		 ctl;		/* the control channel */
	char			 said[PROTO_TEXT_SIZE * 2];	/* the last sentence of the daemon's, good or bad */
};

/* Asks, and gives each message of the answer but the last to take(), which returns 0, or -1: it is none of these. */
int	 ask(struct visit *, uint32_t type, const void *, size_t, int (*take)(void *, uint32_t type, struct imsg *), void *arg);
int	 ask_queue(struct visit *, uint32_t type, const void *, size_t);	/* a request that is not answered by itself */
int	 ask_name(struct visit *, uint32_t type, const char *name);	/* a struct ctl_name, answered by OK or FAIL */

struct table;			/* rows */
struct pair { const char *column, *value; };	/* value NULL: the store's NULL */

struct table	*table_get(struct visit *, const char *table, const struct pair *, size_t npairs);	/* NULL: v->said; table_free() */
size_t		 table_rows(const struct table *);
const char	*table_value(const struct table *, size_t row, const char *column);	/* NULL: none; what is secret is "" */
int		 table_secret(const struct table *, size_t row, const char *column);	/* 1: there is a secret */
const char	*table_hash(const struct table *, size_t row);	/* hexadecimal: of the row as it was read, see table_change() */
void		 table_free(struct table *);

/*
 * Changes a row: the first nkeys pairs are its key.  was: what table_hash() said when the row was shown, and nothing is changed if the
 * row is another one by now; NULL: whatever it is.  More than one change is one or none: more 1, and the last one 0, which alone is
 * answered.
 */
int	 table_change(struct visit *, enum change_act, const char *table, const struct pair *, size_t npairs, size_t nkeys,
	    const char *was, int more);

/* --- channel.c: each waits until the request's time is over --- */

void	 channel_begin(void);		/* with the master, which log lines go to from now on */
int	 channel_ready(int fd, short events);	/* waits for these events of poll(2); 0, or -1: there is no time left */
int	 channel_enter(struct visit *, const struct msg_web_enter *);	/* who it is, with the control channel; 0, or -1: v->said */
int	 channel_login(struct visit *, const char *address, const char *password, uint8_t token[PROTO_TOKEN_LEN]);
int	 channel_logout(void);

/* --- accept.c --- */

void	 accept_ended(uint32_t fork);

extern const struct rule	 accept_rules[];
extern const size_t		 accept_nrules;

/* --- page.c --- */

struct page {
	const char	*path;
	const char	*title;		/* in the navigation; NULL: not there */
	uint32_t	 rights;	/* WEB_*, one of which is needed; 0: everybody who is logged in */
	int		 nobody;	/* 1: also who is not */
	void		(*show)(struct visit *);	/* GET */
	void		(*change)(struct visit *);	/* POST, with a form of this session; NULL: there is none */
};

void	 page_begin(struct visit *, const char *title);	/* up to <main>: head, navigation, v->said if a redirection brought it */
void	 page_end(struct visit *);
void	 page_form(struct visit *, const char *path);	/* <form method=post> with what it has to bring back; ends with put("</form>") */
void	 page_note(struct visit *, const char *kind, const char *text);	/* kind "good", "bad" or "hint" */
void	 page_said(struct visit *);	/* the redirection of an answer brings v->said, for page_begin() */
void	 page_error(struct visit *, int status, const char *text);	/* a whole page */

/* --- pages.c --- */

extern const struct page	 pages[];
extern const size_t		 npages;

const struct page	*page_find(const char *path);	/* NULL: there is none */

/* --- visit.c --- */

void	 visit_run(pid_t parent, int no_seccomp) __dead;

/* Each page's functions: show_x() for GET, change_x() for POST. */
void	 show_login(struct visit *);		/* "/" */
void	 change_login(struct visit *);
void	 change_logout(struct visit *);		/* "/logout" */
void	 show_style(struct visit *);		/* "/style.css" */
void	 show_records(struct visit *);		/* "/records", "/admin/records?account=" */
void	 change_records(struct visit *);
void	 show_try(struct visit *);		/* "/records/try?record=" asks; POST tries */
void	 change_try(struct visit *);
void	 change_poll(struct visit *);		/* "/records/poll" */
void	 show_password(struct visit *);		/* "/password" */
void	 change_password(struct visit *);
void	 show_accounts(struct visit *);		/* "/admin/accounts" */
void	 change_accounts(struct visit *);
void	 show_settings(struct visit *);		/* "/admin/rpop", "/admin/pop": req.path tells which */
void	 change_settings(struct visit *);
void	 show_status(struct visit *);		/* "/admin/status" */
void	 show_queue(struct visit *);		/* "/admin/queue" */
void	 change_queue(struct visit *);
void	 show_quarantine(struct visit *);	/* "/admin/quarantine", "/admin/quarantine/message?id=": text/plain */
void	 change_quarantine(struct visit *);
void	 show_alerts(struct visit *);		/* "/admin/alerts" */
void	 change_alerts(struct visit *);

#endif
