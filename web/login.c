/* SPDX-License-Identifier: ISC */
/* Logging in and out. */
#include <stdio.h>
#include <string.h>

#include "common/hex.h"
#include "web.h"

#define COOKIE_REST	"; Path=/; Secure; HttpOnly; SameSite=Strict"

static void	 login_page(struct visit *, const char *, const char *);

void
show_login(struct visit *v)
{
	if (v->me.entry == WEB_ENTERED)
		answer_see(&v->answer, &v->req, "/records");
	else
		login_page(v, "", NULL);
}

/* The login's form, or, where it must not be sent, what there is to do first. */
static void
login_page(struct visit *v, const char *address, const char *wrong)
{
	struct answer	*a = &v->answer;

	page_begin(v, "Log in");
	if (!v->req.https) {
		page_note(v, "hint", "Nobody can log in here: this connection is not known to be HTTPS.  The web server has to use "
		    "HTTPS, and to say so to this program by the FastCGI parameter HTTPS with the value \"on\", or by "
		    "REQUEST_SCHEME with the value \"https\".");
		page_end(v);
		return;
	}
	put(a, "<div class=\"login\">\n");
	if (wrong != NULL)
		page_note(v, "bad", wrong);
	put(a, "<form method=\"post\" action=\"");
	put_path(a, &v->req, "/");
	put(a, "\">\n<div class=\"field\"><label for=\"address\">Address</label>\n"
	    "<input id=\"address\" name=\"address\" autocomplete=\"username\" autocapitalize=\"none\" "
	    "spellcheck=\"false\" required");
	put(a, *address == '\0' ? " autofocus" : "");
	put(a, " value=\"");
	text(a, address);
	put(a, "\"></div>\n<div class=\"field\"><label for=\"password\">Password</label>\n"
	    "<input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required");
	put(a, *address != '\0' ? " autofocus" : "");
	put(a, "></div>\n<p class=\"buttons\"><button>Log in</button></p>\n</form>\n</div>\n");
	page_end(v);
}

/* The cookie has no end of its own: the browser forgets it when it is closed, and the master forgets the session. */
void
change_login(struct visit *v)
{
	const char	*address = form_get(&v->req.form, "address"), *password = form_get(&v->req.form, "password");
	uint8_t		 token[PROTO_TOKEN_LEN];
	char		 hex[2 * PROTO_TOKEN_LEN + 1];

	if (address == NULL || password == NULL || *address == '\0' || *password == '\0') {
		v->answer.status = 422;
		login_page(v, address == NULL ? "" : address, "Address and password are both needed.");
		return;
	}
	if (channel_login(v, address, password, token) == -1) {
		v->answer.status = 403;
		login_page(v, address, v->said);
		return;
	}
	hex_encode(hex, token, sizeof(token));
	hex[sizeof(hex) - 1] = '\0';
	snprintf(v->answer.cookie, sizeof(v->answer.cookie), COOKIE_NAME "=%s" COOKIE_REST, hex);
	answer_see(&v->answer, &v->req, "/records");
	explicit_bzero(token, sizeof(token));
	explicit_bzero(hex, sizeof(hex));
}

void
change_logout(struct visit *v)
{
	if (channel_logout() == -1) {
		page_error(v, 503, "The mail server does not answer just now.  You are still logged in.");
		return;
	}
	snprintf(v->answer.cookie, sizeof(v->answer.cookie), COOKIE_NAME "=" COOKIE_REST "; Max-Age=0");
	answer_see(&v->answer, &v->req, "/");
}
