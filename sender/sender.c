/* SPDX-License-Identifier: ISC */
/* The sender process's main program and its end of the channel to the master. */
#include <event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/hook.h"
#include "../common/link.h"
#include "../common/log.h"
#include "../common/proc.h"
#include "sender.h"

#define PART(max)	sizeof(struct msg_send_part), sizeof(struct msg_send_part) + (max)
#define PAYLOAD(type)	sizeof(type), sizeof(type)
#define HOST_CHARS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"

static int	 send_start(void *, struct imsg *);
static int	 send_ca(void *, struct imsg *);
static int	 send_secret(void *, struct imsg *);
static int	 send_part(struct imsg *, int (*)(struct job *, const void *, size_t));
static int	 send_mail(void *, struct imsg *);
static int	 send_rcpt(void *, struct imsg *);
static int	 send_quit(void *, struct imsg *);
static int	 start_sound(const struct msg_send_start *);
static void	 answer(uint32_t, const void *, size_t);
static void	 master_down(void *, const char *) __dead;

static const struct rule	 master_rules[] = {
	{ IMSG_SEND_START, PAYLOAD(struct msg_send_start), 1, RULES_ANY, send_start },
	{ IMSG_SEND_CA, PART(PROTO_FRAME_MAX), 0, RULES_ANY, send_ca },
	{ IMSG_SEND_SECRET, PART(PROTO_SECRET_MAX), 0, RULES_ANY, send_secret },
	{ IMSG_SEND_MAIL, PAYLOAD(struct msg_send_mail), 1, RULES_ANY, send_mail },
	{ IMSG_SEND_RCPT, PAYLOAD(struct msg_send_rcpt), 0, RULES_ANY, send_rcpt },
	{ IMSG_SEND_QUIT, PAYLOAD(uint32_t), 0, RULES_ANY, send_quit },
	{ IMSG_LOG_LEVEL, PAYLOAD(uint32_t), 0, RULES_ANY, proc_log_level }
};

static struct link		 master;

int
main(int argc, char *argv[])
{
	struct proc_conf	 conf;
	uint32_t		 version = PROTO_VERSION;

	proc_getopts(&conf, argc, argv);
	log_init(conf.progname, 1, conf.level);
	if (event_init() == NULL)
		fatalx("event_init");
	if (link_open(&master, PROC_FD, master_rules, nitems(master_rules), NULL, master_down) == -1)
		fatal("channel to the master");
	proc_log_to(&master.ibuf);
	jobtls_init();
	sasl_warm();
	proc_lock_in(&conf, SANDBOX_SENDER, 0);
	link_send(&master, IMSG_READY, -1, &version, sizeof(version));
	event_dispatch();
	fatalx("the event loop ended");
}

static int
start_sound(const struct msg_send_start *m)
{
	if (!proto_str(m->helo, sizeof(m->helo)) || !proto_str(m->tls_name, sizeof(m->tls_name)) ||
	    !proto_str(m->user, sizeof(m->user)) || !proto_str(m->name, sizeof(m->name)))
		return (0);
	return ((m->protocol == SEND_LMTP || m->protocol == SEND_SMTP) && m->tls >= TLS_MODE_TLS && m->tls <= TLS_MODE_NONE &&
	    m->null_sender <= NULL_SENDER_ALWAYS && m->timeout >= 1000 && m->timeout <= INT32_MAX && m->helo[0] != '\0' &&
	    m->helo[strspn(m->helo, HOST_CHARS)] == '\0');
}

static int
send_start(void *arg __unused, struct imsg *imsg)
{
	struct msg_send_start	 m;
	int			 fd;

	if (rules_payload(imsg, &m) == -1 || !start_sound(&m) || (fd = imsg_get_fd(imsg)) == -1)
		return (-1);
	return (job_new(&m, fd) == NULL ? -1 : 0);
}

/* Its octets go to the job it names.  One that has ended meanwhile has been answered: so it is with all that follows. */
static int
send_part(struct imsg *imsg, int (*take)(struct job *, const void *, size_t))
{
	struct msg_send_part	 part;
	struct job		*j;
	struct ibuf		 ibuf;

	if (imsg_get_ibuf(imsg, &ibuf) == -1 || ibuf_get(&ibuf, &part, sizeof(part)) == -1)
		return (-1);
	if ((j = job_find(part.id)) == NULL)
		return (0);
	return (take(j, ibuf_data(&ibuf), ibuf_size(&ibuf)));
}

static int
send_ca(void *arg __unused, struct imsg *imsg)
{
	return (send_part(imsg, job_ca));
}

static int
send_secret(void *arg __unused, struct imsg *imsg)
{
	return (send_part(imsg, job_go));
}

static int
send_mail(void *arg __unused, struct imsg *imsg)
{
	struct msg_send_mail	 m;
	struct job		*j;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.sender, sizeof(m.sender)) || !proto_str(m.envid, sizeof(m.envid)) ||
	    !proto_client(m.client, sizeof(m.client)) || m.rcpts == 0 || m.rcpts > PROTO_RCPT_MAX || m.notify > NOTIFY_FAILURE)
		return (-1);
	if ((j = job_find(m.id)) == NULL)
		return (0);
	return (job_mail(j, &m, imsg_get_fd(imsg)));
}

static int
send_rcpt(void *arg __unused, struct imsg *imsg)
{
	struct msg_send_rcpt	 m;
	struct job		*j;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.address, sizeof(m.address)) ||
	    !proto_str(m.original, sizeof(m.original)))
		return (-1);
	if ((j = job_find(m.id)) == NULL)
		return (0);
	return (job_rcpt(j, &m));
}

static int
send_quit(void *arg __unused, struct imsg *imsg)
{
	struct job	*j;
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1)
		return (-1);
	return ((j = job_find(id)) == NULL ? 0 : job_quit(j));
}

/* At once where possible: an answer that does not reach the master makes a second copy at the next hop. */
static void
answer(uint32_t type, const void *data, size_t len)
{
	if (link_send(&master, type, -1, data, len) == -1)
		fatal("channel to the master");
	(void)imsgbuf_write(&master.ibuf);
}

void
sender_rcpt(uint32_t id, uint32_t mail, uint32_t rcpt, const struct smtp_rcpt *r)
{
	struct msg_sent_rcpt	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.mail = mail;
	m.rcpt = rcpt;
	m.result = r->result;
	m.code = r->code;
	strlcpy(m.status, r->status, sizeof(m.status));
	strlcpy(m.text, r->text != NULL ? r->text : "", sizeof(m.text));
	answer(IMSG_SENT_RCPT, &m, sizeof(m));
}

void
sender_mail(uint32_t id, uint32_t mail)
{
	struct msg_sent_mail	 m = { id, mail };

	answer(IMSG_SENT_MAIL, &m, sizeof(m));
}

/* text is encoded already */
void
sender_end(uint32_t id, enum fail_why why, int temp, const char *text)
{
	struct msg_sent_end	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.why = why;
	m.temp = temp != 0;
	strlcpy(m.text, text, sizeof(m.text));
	answer(IMSG_SENT_END, &m, sizeof(m));
}

/* The master is gone, and so is who wants an answer.  A master that breaks the rules is worse. */
static void
master_down(void *arg __unused, const char *why)
{
	if (why != NULL)
		fatalx("channel to the master: %s", why);
	_exit(0);
}
