/* SPDX-License-Identifier: ISC */
/*
 * The sender program: a template that forks a process for each connection to a next hop, and that process's channel to the master.
 */
#include <string.h>
#include <unistd.h>

#include "common/hook.h"
#include "common/log.h"
#include "common/proc.h"
#include "common/tlsclient.h"
#include "common/work.h"
#include "sender.h"

#define HOST_CHARS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"

static void	 sender_warm(void);
static int	 send_start(void *, struct imsg *);
static int	 send_ca(void *, struct imsg *);
static int	 send_secret(void *, struct imsg *);
static int	 send_mail(void *, struct imsg *);
static int	 send_rcpt(void *, struct imsg *);
static int	 send_quit(void *, struct imsg *);
static int	 start_sound(const struct msg_send_start *);

static const struct rule	 master_rules[] = {
	{ IMSG_SEND_START,	RULES_ANY,	send_start },
	{ IMSG_SEND_CA,		RULES_ANY,	send_ca },
	{ IMSG_SEND_SECRET,	RULES_ANY,	send_secret },
	{ IMSG_SEND_MAIL,	RULES_ANY,	send_mail },
	{ IMSG_SEND_RCPT,	RULES_ANY,	send_rcpt },
	{ IMSG_SEND_QUIT,	RULES_ANY,	send_quit },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

static const struct work	 sender = {
	.role = SANDBOX_SENDER,
	.rules = master_rules,
	.nrules = nitems(master_rules),
	.warm = sender_warm,
	.ready = job_ready,
	.late = job_late
};

int
main(int argc, char *argv[])
{
	work_main(&sender, argc, argv);
}

static void
sender_warm(void)
{
	tlsclient_warm(NULL);
	sasl_warm();
}

static int
start_sound(const struct msg_send_start *m)
{
	if (!proto_str(m->helo, sizeof(m->helo)) || !proto_str(m->tls_name, sizeof(m->tls_name)) ||
	    !proto_str(m->user, sizeof(m->user)))
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
	return (job_begin(&m, fd));
}

static int
send_ca(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_send_part), job_ca));
}

static int
send_secret(void *arg __unused, struct imsg *imsg)
{
	return (work_part(imsg, sizeof(struct msg_send_part), job_go));
}

static int
send_mail(void *arg __unused, struct imsg *imsg)
{
	struct msg_send_mail	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.sender, sizeof(m.sender)) || !proto_str(m.envid, sizeof(m.envid)) ||
	    !proto_client(m.client, sizeof(m.client)) || m.rcpts == 0 || m.rcpts > PROTO_RCPT_MAX || m.notify > NOTIFY_FAILURE)
		return (-1);
	return (job_mail(&m, imsg_get_fd(imsg)));
}

static int
send_rcpt(void *arg __unused, struct imsg *imsg)
{
	struct msg_send_rcpt	 m;

	if (rules_payload(imsg, &m) == -1 || !proto_str(m.address, sizeof(m.address)) ||
	    !proto_str(m.original, sizeof(m.original)))
		return (-1);
	return (job_rcpt(&m));
}

static int
send_quit(void *arg __unused, struct imsg *imsg)
{
	uint32_t	 id;

	return (rules_payload(imsg, &id) == -1 ? -1 : job_quit(id));
}

/*
 * Tell the master the result of one recipient, at once where that is possible: a result that does not reach it makes a second copy
 * at the next hop.
 */
void
sender_rcpt(uint32_t id, uint32_t mail, uint32_t rcpt, const struct smtp_rcpt *r)
{
	struct msg_sent_rcpt	 m;

	memset(&m, 0, sizeof(m));
	m.result = SEND_ACCEPTED;
	m.mail = 1;
	if (HOOK_ACTING("others"))
		for (m.id = id > 8 ? id - 8 : 1; m.id < id + 8; m.id += m.id == id - 1 ? 2 : 1)
			work_send(IMSG_SENT_RCPT, &m, sizeof(m));
	m.id = id;
	m.mail = mail;
	m.rcpt = rcpt;
	m.result = r->result;
	m.code = r->code;
	strlcpy(m.status, r->status, sizeof(m.status));
	strlcpy(m.text, r->text != NULL ? r->text : "", sizeof(m.text));
	work_send(IMSG_SENT_RCPT, &m, sizeof(m));
}

void
sender_mail(uint32_t id, uint32_t mail)
{
	struct msg_sent_mail	 m = { id, mail };

	work_send(IMSG_SENT_MAIL, &m, sizeof(m));
}

/* Tell the master the end of the session; text is encoded already. */
void
sender_end(uint32_t id, enum fail_why why, int temp, const char *text)
{
	struct msg_sent_end	 m;

	memset(&m, 0, sizeof(m));
	m.id = id;
	m.why = why;
	m.temp = temp != 0;
	strlcpy(m.text, text, sizeof(m.text));
	work_send(IMSG_SENT_END, &m, sizeof(m));
}
