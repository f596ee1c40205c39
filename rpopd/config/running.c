/* SPDX-License-Identifier: ISC */
/* Configurations that a reload has replaced live on as long as sessions that began with them. */
#include <stdlib.h>

#include "config.h"

struct config	*config_running;
struct routing	*config_routing;
struct image	*config_image;
int64_t		 config_loaded;
uint64_t	 config_loaded_version;
char		 config_load_error[PROTO_TEXT_SIZE];

struct routing *
routing_new(struct config *config)
{
	struct routing	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	if ((r->decider = decide_new(config->routes, config->settings.archive)) == NULL) {
		free(r);
		return (NULL);
	}
	r->config = config;
	r->refs = 1;
	return (r);
}

struct routing *
routing_hold(struct routing *r)
{
	r->refs++;
	return (r);
}

void
routing_release(struct routing *r)
{
	if (r == NULL || --r->refs > 0)
		return;
	decide_free(r->decider);
	config_free(r->config);
	free(r);
}
