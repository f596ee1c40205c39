/* SPDX-License-Identifier: ISC */
/* The signer program: keys come from the master in pieces, and are answered for when they are whole. */
#include <sys/types.h>

#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/hook.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "signer.h"

static void	 signer_prepare(const struct proc_conf *);
static int	 take_pem(void *, struct imsg *);
static int	 take_key(void *, struct imsg *);
static int	 take_forget(void *, struct imsg *);

static const struct rule	 master_rules[] = {
	{ IMSG_SIGN_PEM,	RULES_ANY,	take_pem },
	{ IMSG_SIGN_KEY,	RULES_ANY,	take_key },
	{ IMSG_SIGN_FORGET,	RULES_ANY,	take_forget },
	{ IMSG_SIGN_SESSION,	RULES_ANY,	peer_new },
	{ IMSG_LOG_LEVEL,	RULES_ANY,	proc_log_level }
};

static const struct process	 signer = {
	.role = SANDBOX_SIGNER,
	.rules = master_rules,
	.nrules = nitems(master_rules),
	.prepare = signer_prepare
};

/* The key that is on its way. */
static struct {
	uint32_t	 id;
	struct buf	 pem;
} coming;

int
main(int argc, char *argv[])
{
	proc_main(&signer, argc, argv);
}

static void
signer_prepare(const struct proc_conf *conf __unused)
{
	buf_init(&coming.pem, PROTO_PEM_MAX);
	key_warm();
}

/* What there is of another key is not wanted any more. */
static int
take_pem(void *arg __unused, struct imsg *imsg)
{
	struct msg_sign_part	 m;
	size_t			 len = imsg_get_len(imsg);

	if (len < sizeof(m))
		return (-1);
	memcpy(&m, imsg->data, sizeof(m));
	if (m.id == 0)
		return (-1);
	if (m.id != coming.id)
		buf_free(&coming.pem);
	coming.id = m.id;
	return (buf_add(&coming.pem, (const uint8_t *)imsg->data + sizeof(m), len - sizeof(m)));
}

static int
take_key(void *arg __unused, struct imsg *imsg)
{
	struct msg_sign_key	 m;
	struct msg_sign_kept	 kept;
	char			 err[PROTO_TEXT_SIZE];
	int			 bad;

	if (rules_payload(imsg, &m) == -1 || m.id == 0 || m.id != coming.id)
		return (-1);
	memset(&kept, 0, sizeof(kept));
	kept.id = m.id;
	strlcpy(err, "the key did not arrive whole", sizeof(err));
	bad = m.octets != buf_len(&coming.pem) ||
	    key_keep(m.id, m.listener, buf_data(&coming.pem), buf_len(&coming.pem), kept.keyid, err, sizeof(err)) == -1;
	buf_free(&coming.pem);
	coming.id = 0;
	if (bad) {
		kept.refused = 1;
		log_vis(kept.text, sizeof(kept.text), err, strlen(err));
	}
	HOOK("signer.kept");
	if (link_send(&proc_master, IMSG_SIGN_KEPT, -1, &kept, sizeof(kept)) == -1)
		_exit(1);
	return (0);
}

static int
take_forget(void *arg __unused, struct imsg *imsg)
{
	uint32_t	 id;

	if (rules_payload(imsg, &id) == -1 || id == 0)
		return (-1);
	key_forget(id);
	return (0);
}
