/* SPDX-License-Identifier: ISC */
/* What the sender may say. */
#include <string.h>

#include "rpopd.h"

const struct rule	 sender_rules[] = {
	{ IMSG_READY, sizeof(uint32_t), sizeof(uint32_t), 0, RULES_ANY, child_ready },
	{ IMSG_LOG, sizeof(struct msg_log), sizeof(struct msg_log), 0, RULES_ANY, child_log },
};
const size_t	 sender_nrules = nitems(sender_rules);
