/* SPDX-License-Identifier: ISC */
/* Access tokens from a record's token_command. */
#include <sys/types.h>

#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "rpopd/config/config.h"
#include "rpopd/poll/poll.h"
#include "token.h"

static void	 token_program_done(void *, const struct command_result *);

/* 1: there is a token, 0: the program runs, -1 with a sentence. */
int
token_program(struct session *s, char *err, size_t errsize)
{
	const struct record	*rec = s->run.task->rec;
	struct grant		*g;
	uint8_t			 key[PROTO_DIGEST_LEN];

	if (rec->self_service) {
		snprintf(err, errsize, "token_command is not for self-service records, whose owners could name any program");
		return (-1);
	}
	token_program_key(rec, key);
	token_join(s, g = token_grant(key));
	if (token_fresh(g))
		return (1);
	if (g->state != GRANT_IDLE)
		return (0);
	if ((g->command = command_start(rec->token_command, rec->token_user, token_program_done, g, err, errsize)) == NULL)
		return (-1);
	g->state = GRANT_COMMAND;
	token_clock(g, 0);
	log_debug("%s: token_command started", s->label);
	return (0);
}

static void
token_program_done(void *arg, const struct command_result *r)
{
	struct grant	*g = arg;

	g->command = NULL;
	if (r->token != NULL)
		token_granted(g, r->token, r->len, r->lifetime);
	else
		token_failed(g, WHY_TOKEN_TEMP, r->text);
}

/* Records with the same command and user share the token. */
void
token_program_key(const struct record *rec, uint8_t *key)
{
	SHA2_CTX	 ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)rec->token_user, strlen(rec->token_user) + 1);
	SHA256Update(&ctx, (const uint8_t *)rec->token_command, strlen(rec->token_command));
	SHA256Final(key, &ctx);
}
