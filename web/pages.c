/* SPDX-License-Identifier: ISC */
/* The pages. */
#include <string.h>

#include "web.h"

#define ADMINS		(WEB_SERVER_ADMIN | WEB_DOMAIN_ADMIN)

const struct page	 pages[] = {
	{ "/",			NULL,		0,			1, show_login,		change_login },
	{ "/style.css",		NULL,		0,			1, show_style,		NULL },
	{ "/logout",		NULL,		0,			0, NULL,		change_logout },
	{ "/records",		"Records",	0,			0, show_records,	change_records },
	{ "/records/try",	NULL,		0,			0, show_try,		change_try },
	{ "/records/poll",	NULL,		0,			0, NULL,		change_poll },
	{ "/password",		"Password",	WEB_PASSWORD,		0, show_password,	change_password },
	{ "/admin/accounts",	"Accounts",	ADMINS,			0, show_accounts,	change_accounts },
	{ "/admin/records",	NULL,		ADMINS,			0, show_records,	change_records },
	{ "/admin/status",	"Status",	WEB_SERVER_ADMIN,	0, show_status,		NULL },
	{ "/admin/queue",	"Queue",	WEB_SERVER_ADMIN,	0, show_queue,		change_queue },
	{ "/admin/quarantine",	"Quarantine",	WEB_SERVER_ADMIN,	0, show_quarantine,	change_quarantine },
	{ "/admin/quarantine/message", NULL,	WEB_SERVER_ADMIN,	0, show_quarantine,	NULL },
	{ "/admin/alerts",	"Alerts",	WEB_SERVER_ADMIN,	0, show_alerts,		change_alerts },
	{ "/admin/rpop",	"RPOP",		WEB_SERVER_ADMIN,	0, show_settings,	change_settings },
	{ "/admin/pop",		"POP",		WEB_SERVER_ADMIN,	0, show_settings,	change_settings }
};
const size_t	 npages = nitems(pages);

const struct page *
page_find(const char *path)
{
	size_t	 i;

	for (i = 0; i < npages; i++)
		if (strcmp(pages[i].path, path) == 0)
			return (&pages[i]);
	return (NULL);
}
