/* SPDX-License-Identifier: ISC */
/*
 * The page with which somebody changes the password of his account.  The verifier of the new one is made here: what goes through
 * the master is that, and the old password, which an auth process verifies.
 */
#include <stdio.h>
#include <string.h>

#include "common/sasl/password.h"
#include "records.h"

struct sent {				/* a request as it goes out */
	struct ctl_password	 head;
	uint8_t			 octets[PROTO_SECRET_MAX + VERIFIER_MAX];
};

static void	 password_page(struct visit *, const char *, int);
static void	 password_field(struct visit *, const char *, const char *, const char *, const char *);
static int	 password_send(struct visit *, const char *, const char *);
static void	 password_changed(struct visit *);

void
show_password(struct visit *v)
{
	password_page(v, NULL, 0);
}

void
change_password(struct visit *v)
{
	const char	*old = form_get(&v->req.form, "old"), *wrong;
	char		 verifier[VERIFIER_MAX + 1], said[sizeof(v->said)];
	int		 rv = -1;

	if (!(v->me.rights & WEB_PASSWORD)) {
		v->answer.status = 403;
		password_page(v, NULL, 0);
		return;
	}
	if (old == NULL || *old == '\0' || strlen(old) > PROTO_SECRET_MAX) {
		v->answer.status = 422;
		password_page(v, "Enter the password with which you have logged in.", 1);
		return;
	}
	wrong = password_made(form_get(&v->req.form, "new"), form_get(&v->req.form, "again"), verifier);
	if (wrong == NULL)
		rv = password_send(v, old, verifier);
	explicit_bzero(verifier, sizeof(verifier));
	if (rv == 0) {
		password_changed(v);
		return;
	}
	strlcpy(said, v->said, sizeof(said));
	v->answer.status = 422;
	password_page(v, wrong != NULL ? wrong : said, wrong == NULL);
}

const char *
password_made(const char *new, const char *again, char out[VERIFIER_MAX + 1])
{
	const char	*wrong;

	if (new == NULL || *new == '\0')
		return ("Enter a new password.");
	if (again == NULL || strcmp(new, again) != 0)
		return ("The new password was not typed twice in the same way.");
	if (strlen(new) > PROTO_SECRET_MAX)
		return ("The new password is too long.");
	if ((wrong = password_verifier(VERIFIER_CRYPT, new, out, VERIFIER_MAX + 1)) == password_too_long)
		wrong = "The new password is too long: it may have 511 octets.";
	return (wrong);
}

/* The page.  wrong: what is, with the old password (of the first field) or else with the new one; NULL: nothing is. */
static void
password_page(struct visit *v, const char *wrong, int old)
{
	struct answer	*a = &v->answer;

	page_begin(v, "Password");
	if (!(v->me.rights & WEB_PASSWORD)) {
		page_note(v, "hint", "Your password is not kept here, so it cannot be changed here; change it where it is kept.");
		page_end(v);
		return;
	}
	put(a, "<p class=\"lead\">The password of ");
	text(a, v->me.account);
	put(a, ", with which you and your mail programs log in. When it is changed you are logged out, here and wherever else "
	    "this page is open.</p>\n");
	page_form(v, "/password");
	put(a, "<div class=\"fields narrow\">\n");
	password_field(v, "old", "Old password", "current-password", old ? wrong : NULL);
	password_field(v, "new", "New password", "new-password", old ? NULL : wrong);
	password_field(v, "again", "New password, again", "new-password", NULL);
	put(a, "</div>\n<p class=\"buttons\"><button type=\"submit\">Change password</button></p>\n</form>\n");
	page_end(v);
}

/* A field, and what is wrong with it below; it never has a value. */
static void
password_field(struct visit *v, const char *name, const char *label, const char *complete, const char *wrong)
{
	struct answer	*a = &v->answer;

	put(a, "<div class=\"field\"><label for=\"");
	put(a, name);
	put(a, "\">");
	put(a, label);
	put(a, "</label> <input type=\"password\" id=\"");
	put(a, name);
	put(a, "\" name=\"");
	put(a, name);
	put(a, "\" autocomplete=\"");
	put(a, complete);
	put(a, wrong == NULL ? "\" required>" : "\" required aria-invalid=\"true\" aria-describedby=\"error\">");
	if (wrong != NULL) {
		put(a, "\n<p class=\"error\" id=\"error\">");
		text(a, wrong);
		put(a, "</p>");
	}
	put(a, "</div>\n");
}

/* 0; or -1 and the daemon's sentence. */
static int
password_send(struct visit *v, const char *old, const char *verifier)
{
	struct sent	 sent;
	size_t		 len = strlen(old), n = strlen(verifier);
	int		 rv;

	memset(&sent, 0, sizeof(sent));
	sent.head.set = 1;
	sent.head.old = (uint16_t)len;
	memcpy(sent.octets, old, len);
	memcpy(sent.octets + len, verifier, n);
	rv = ask(v, IMSG_CTL_PASSWORD, &sent, sizeof(sent.head) + len + n, NULL, NULL);
	explicit_bzero(&sent, sizeof(sent));
	return (rv);
}

/* The session is over, too: what follows is a login. */
static void
password_changed(struct visit *v)
{
	v->me.entry = WEB_NOBODY;
	page_begin(v, "Password");
	page_note(v, "good", "Your password is changed. Log in with the new one; your mail programs need it, too.");
	put(&v->answer, "<p class=\"buttons\"><a class=\"button\" href=\"");
	put_path(&v->answer, &v->req, "/");
	put(&v->answer, "\">Log in</a></p>\n");
	page_end(v);
}
