/* SPDX-License-Identifier: ISC */
/* What the master is told, over the channel whose other direction is orders.c. */
#include <stdint.h>
#include <string.h>

#include "common/compat.h"
#include "common/ipc/imsg.h"
#include "common/log.h"
#include "common/proc_main.h"
#include "deliverer.h"

void
master_send(uint32_t type, const void *data, size_t len)
{
	if (link_send(&proc_master, type, -1, data, len) == -1)
		fatal("send %s", message_name(type));
}

/* Writes at once what can be written; errors show in the event loop. */
void
master_flush(void)
{
	(void)imsgbuf_write(&proc_master.ibuf);
}

void
master_refuse(const struct spool_id *id, uint32_t why, const char *text)
{
	struct msg_receipt_refused	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.session = id->session;
	msg.msgno = id->msgno;
	msg.why = why;
	log_vis(msg.text, sizeof(msg.text), text, strlen(text));
	master_send(IMSG_RECEIPT_REFUSED, &msg, sizeof(msg));
}

void
master_recovered(int durable)
{
	uint32_t	 settled = durable;

	proc_master.state = ORDERS_RUNNING;
	master_send(IMSG_REPLAY_DONE, &settled, sizeof(settled));
}

void
master_missing(const char *link)
{
	struct msg_replay_result	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.what = REPLAY_MISSING;
	msg.row = UINT32_MAX;
	strlcpy(msg.link, link, sizeof(msg.link));
	master_send(IMSG_REPLAY_RESULT, &msg, sizeof(msg));
}

void
master_place(const char *path, int error)
{
	struct msg_maildir_blocked	 msg;

	memset(&msg, 0, sizeof(msg));
	msg.error = error;
	strlcpy(msg.dest, path, sizeof(msg.dest));
	master_send(IMSG_MAILDIR_BLOCKED, &msg, sizeof(msg));
}
