/* SPDX-License-Identifier: ISC */
/* A request's life: it is read, whoever asks is found out, the page is made and sent, and the process ends. */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/hex.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/template.h"
#include "web.h"

#define READ_SIZE	16384

static int	 visit_read(struct fcgi *);
static int	 visit_out(struct fcgi *);
static void	 visit_refuse(struct visit *, int);
static void	 visit_answer(struct visit *);
static int	 visit_may(struct visit *, const struct page *);
static int	 visit_enter(struct visit *, const struct page *);
static void	 visit_nobody(struct visit *, const struct page *);
static void	 visit_log(const struct visit *);

/* A fork's whole life, as struct template has it. */
void
visit_run(pid_t parent, int no_seccomp)
{
	static struct visit	 v;
	static struct fcgi	 f;
	int			 status;

	v.pages = pages;
	v.npages = npages;
	channel_begin();
	sandbox_fork(SANDBOX_WEB, no_seccomp);		/* arms the parent-death signal */
	if (getppid() != parent)
		_exit(1);
	alarm(REQUEST_TIME);
	if (visit_read(&f) == -1)
		_exit(0);
	answer_begin(&v.answer);
	HOOK("web.request");
	if ((status = request_read(&v.req, &f)) == 0)
		visit_answer(&v);
	else
		visit_refuse(&v, status);
	page_said(&v);
	visit_log(&v);
	answer_send(&v.answer, &v.req, TEMPLATE_FD, f.id);
	form_free(&v.req.form);
	fcgi_free(&f);
	_exit(0);
}

/* Reads the request.  0, or -1: there is none that could be answered. */
static int
visit_read(struct fcgi *f)
{
	static uint8_t	 buf[READ_SIZE];
	ssize_t		 n;

	while (!f->whole) {
		if (f->ended || channel_ready(TEMPLATE_FD, POLLIN) == -1)
			return (-1);
		if ((n = read(TEMPLATE_FD, buf, sizeof(buf))) == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return (-1);
		if (fcgi_take(f, buf, (size_t)n) == -1) {
			log_debug("web: the web server sent what is not FastCGI");
			return (-1);
		}
		if (visit_out(f) == -1)
			return (-1);
	}
	explicit_bzero(buf, sizeof(buf));
	return (0);
}

/* Sends what goes back ahead of the answer. */
static int
visit_out(struct fcgi *f)
{
	ssize_t	 n;

	while (buf_len(&f->out) > 0) {
		if ((n = write(TEMPLATE_FD, buf_data(&f->out), buf_len(&f->out))) > 0)
			buf_consume(&f->out, (size_t)n);
		else if (n == -1 && errno != EAGAIN && errno != EINTR)
			return (-1);
		else if (channel_ready(TEMPLATE_FD, POLLOUT) == -1)
			return (-1);
	}
	return (0);
}

/* A request that could not be understood. */
static void
visit_refuse(struct visit *v, int status)
{
	page_error(v, status, status == 404 ? "There is no such page." : status == 413 || status == 431 ?
	    "That was too much at once.  Nothing was changed." : "The request could not be understood.  Nothing was changed.");
}

static void
visit_answer(struct visit *v)
{
	const struct page	*p;

	if ((p = page_find(v->req.path)) == NULL) {
		visit_refuse(v, 404);
		return;
	}
	if (v->req.method == METHOD_OTHER || (v->req.method == METHOD_POST ? p->change == NULL : p->show == NULL)) {
		page_error(v, 405, "That cannot be done with this page.");
		return;
	}
	if (p->show == show_style) {
		show_style(v);
		return;
	}
	if (!visit_may(v, p) || visit_enter(v, p) == -1)
		return;
	if (v->req.method == METHOD_POST)
		p->change(v);
	else
		p->show(v);
}

/* Whether the connection, and where the browser comes from, permit it.  0: the answer says why not. */
static int
visit_may(struct visit *v, const struct page *p)
{
	if (v->req.method == METHOD_POST && v->req.cross) {
		page_error(v, 403, "Another site has sent this form.  Nothing was changed.");
		return (0);
	}
	if (v->req.https)
		return (1);
	if (v->req.method == METHOD_POST)
		page_error(v, 403, "This connection is not known to be HTTPS.  Nothing was changed.");
	else if (p->show == show_login)
		show_login(v);
	else
		answer_see(&v->answer, &v->req, "/");
	return (0);
}

/*
 * Who it is, as the master knows by the cookie.  A login does not care who it was before.  0, or -1: the answer is there.
 */
static int
visit_enter(struct visit *v, const struct page *p)
{
	struct msg_web_enter	 m;
	const char		*form = form_get(&v->req.form, "form");
	int			 login = p->change == change_login && v->req.method == METHOD_POST;

	memset(&m, 0, sizeof(m));
	strlcpy(m.client, v->req.client, sizeof(m.client));
	if (v->req.tokens && !login) {
		m.tokens = 1;
		memcpy(m.token, v->req.token, sizeof(m.token));
	}
	m.change = v->req.method == METHOD_POST && !login;
	if (m.change && (form == NULL || strlen(form) != 2 * sizeof(m.form) || hex_decode(m.form, sizeof(m.form), form) == -1))
		memset(m.form, 0, sizeof(m.form));
	if (channel_enter(v, &m) == -1) {
		page_error(v, 503, v->said);
		return (-1);
	}
	explicit_bzero(&m, sizeof(m));
	explicit_bzero(v->req.token, sizeof(v->req.token));
	if (v->me.entry == WEB_FORGED)
		page_error(v, 403, "This form is not one of your session, or is too old.  Nothing was changed.");
	else if (v->me.entry == WEB_NOBODY && !p->nobody)
		visit_nobody(v, p);
	else if (v->me.entry == WEB_ENTERED && p->rights != 0 && (p->rights & v->me.rights) == 0)
		page_error(v, 403, "This page is not for your account.");
	else
		return (0);
	return (-1);
}

/* Nobody is logged in, or not any more. */
static void
visit_nobody(struct visit *v, const struct page *p __unused)
{
	if (v->req.method == METHOD_POST)
		page_error(v, 403, "You are not logged in any more.  Nothing was changed.");
	else
		answer_see(&v->answer, &v->req, "/");
}

static void
visit_log(const struct visit *v)
{
	char	 path[LOG_VIS_MAX * 4 + 1];

	log_debug("web: %s %s for %s at %s: %d", v->req.method == METHOD_POST ? "POST" : "GET",
	    log_vis(path, sizeof(path), v->req.path, strlen(v->req.path)), v->me.account[0] == '\0' ? "nobody" : v->me.account,
	    v->req.client[0] == '\0' ? "an unknown address" : v->req.client, v->answer.status);
}
