/* SPDX-License-Identifier: ISC */
/* rpopctl export --passwords: the password of a record, for root, who could read rpopd.db as well.  Each is a line of the log. */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/cells.h"
#include "common/ipc/proto_ctl.h"
#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/sched/sched.h"
#include "control_int.h"

static int	 secret_request(void *, struct imsg *);
static int	 secret_send(struct client *, const char *, char *, size_t);

const struct rule	 secret_rules[] = {
	{ IMSG_CTL_SECRET,	RULES_ANY,	secret_request },
};
const size_t		 secret_nrules = nitems(secret_rules);

/* IMSG_CTL_SECRET */
static int
secret_request(void *arg, struct imsg *imsg)
{
	struct client	*c = arg;
	struct ctl_name	 m;
	char		 err[PROTO_TEXT_SIZE * 2];
	int		 rv;

	if ((rv = control_name(c, imsg, &m)) != 0)
		return (rv == -1 ? -1 : 0);
	if (!client_allowed(c, imsg, 1))
		return (0);
	if (!c->who.root) {
		client_end(c, "only root may do that");
		return (0);
	}
	client_end(c, secret_send(c, m.name, err, sizeof(err)) == -1 ? err : NULL);
	return (0);
}

/* Sends a cell with the password of account/record.  0, or -1 and a sentence. */
static int
secret_send(struct client *c, const char *name, char *err, size_t size)
{
	struct cell	 cell = { .column = "password", .kind = CELL_BLOB };
	uint8_t		 secret[PROTO_SECRET_MAX], packed[PROTO_SECRET_MAX + 64];
	char		 why[PROTO_TEXT_SIZE], label[PROTO_RECORD_SIZE];
	struct task	*t = NULL;
	ssize_t		 len;
	size_t		 i, n;

	for (i = 0; i < sched_ntasks && t == NULL && strchr(name, '/') != NULL; i++)
		if (sched_named(&sched_tasks[i], name))
			t = &sched_tasks[i];
	if (t == NULL) {
		snprintf(err, size, "%.150s: no such record is in force", name);
		return (-1);
	}
	if ((len = config_secret(options.store, t->rec, secret, why, sizeof(why))) == -1) {
		snprintf(err, size, "%.150s: %s", name, why);
		return (-1);
	}
	cell.value = secret;
	cell.len = (size_t)len;
	n = cell_pack(packed, sizeof(packed), &cell);
	client_send(c, IMSG_CTL_ROW, packed, n);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(packed, sizeof(packed));
	log_vis(label, sizeof(label), name, strlen(name));
	log_info("%s: root has exported its password", label);
	return (0);
}
