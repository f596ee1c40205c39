/* SPDX-License-Identifier: ISC */
/* What of a fetchmailrc has no column, and why. */
#include <string.h>

#include "common/compat.h"
#include "fetchmail_int.h"

enum when {
	ALWAYS,				/* the option is given */
	ON, OFF,			/* it is a switch, and so it is set */
	DISTRIBUTED, ONE_OWNER		/* it is given in an entry of that kind */
};

#define NEXTHOP		"a row of table nexthop, named in settings.nexthop or account.nexthop, hands mail on"

static const struct {
	enum fm_option		 option;
	enum when		 when;
	enum import_weight	 weight;
	const char		*text;
} notes[] = {
	{ FM_BADHEADER, ALWAYS, IMPORT_NOTE, "bad-header: messages are taken whatever their header is" },
	{ FM_CHECKALIAS, ON, IMPORT_LOST, "checkalias: no address is compared by what the DNS says of its host; name all domains "
	    "in domains" },
	{ FM_DNS, DISTRIBUTED, IMPORT_NOTE, "dns: no address is compared by what the DNS says of its host; name all domains in "
	    "domains" },
	{ FM_ESMTPNAME, ALWAYS, IMPORT_LOST, "esmtpname: to log in at a next hop is auth_name and password of its row in table "
	    "nexthop" },
	{ FM_ESMTPPASSWORD, ALWAYS, IMPORT_LOST, "esmtppassword: to log in at a next hop is auth_name and password of its row in "
	    "table nexthop" },
	{ FM_INTERFACE, ALWAYS, IMPORT_LOST, "interface: it is polled whatever networks are up; let settings.source_address be the "
	    "address to poll from, and use TLS" },
	{ FM_MONITOR, ALWAYS, IMPORT_LOST, "monitor: it is polled whether a link is in use or not; table schedule has times" },
	{ FM_PLUGIN, ALWAYS, IMPORT_LOST, "plugin: no command is run; what it did to reach the server must be done by other "
	    "means" },
	{ FM_PLUGOUT, ALWAYS, IMPORT_LOST, "plugout: no command is run; " NEXTHOP },
	{ FM_PRINCIPAL, ALWAYS, IMPORT_LOST, "principal: rpopd does not have Kerberos" },
	{ FM_QVIRTUAL, ONE_OWNER, IMPORT_NOTE, "qvirtual says nothing where all mail is one user's" },
	{ FM_AKA, ONE_OWNER, IMPORT_NOTE, "aka says nothing where all mail is one user's" },
	{ FM_LOCALDOMAINS, ONE_OWNER, IMPORT_NOTE, "localdomains says nothing where all mail is one user's" },
	{ FM_ENVELOPE, ONE_OWNER, IMPORT_NOTE, "envelope says nothing where all mail is one user's" },
	{ FM_TIMEOUT, ALWAYS, IMPORT_NOTE, "timeout: settings.idle_timeout says for all records how long a server may be silent" },
	{ FM_TRACEPOLLS, ON, IMPORT_LOST, "tracepolls: Received fields do not name the record; column mailbox sorts a record's "
	    "mail" },
	{ FM_UIDL, OFF, IMPORT_NOTE, "no uidl: what was retrieved is always known by its unique-id" },

	{ FM_ANTISPAM, ALWAYS, IMPORT_LOST, "antispam: what a next hop refuses is reported or kept in quarantine, whatever its "
	    "code" },
	{ FM_BATCHLIMIT, ALWAYS, IMPORT_NOTE, "batchlimit: how many connections a next hop gets is its row's connections" },
	{ FM_BSMTP, ALWAYS, IMPORT_LOST, "bsmtp: mail is delivered into Maildirs, not into a file; " NEXTHOP },
	{ FM_DROPDELIVERED, ON, IMPORT_NOTE, "dropdelivered: Delivered-To fields stay in a Maildir, and go to a next hop with "
	    "keep_trace only" },
	{ FM_DROPSTATUS, ON, IMPORT_LOST, "dropstatus: messages are not changed, Status fields stay" },
	{ FM_FASTUIDL, ALWAYS, IMPORT_NOTE, "fastuidl: every listing is read as a whole" },
	{ FM_FETCHDOMAINS, ALWAYS, IMPORT_LOST, "fetchdomains is for ETRN and ODMR" },
	{ FM_FETCHSIZELIMIT, ALWAYS, IMPORT_NOTE, "fetchsizelimit: every listing is read as a whole" },
	{ FM_FOLDER, ALWAYS, IMPORT_LOST, "folder: POP3 has one folder, the inbox" },
	{ FM_FORCECR, ON, IMPORT_NOTE, "forcecr: line ends go to a next hop as CRLF, and into a Maildir as LF" },
	{ FM_IDLE, ON, IMPORT_LOST, "idle: POP3 does not tell of new mail; period says how often it is polled" },
	{ FM_LIMITFLUSH, ON, IMPORT_LOST, "limitflush: messages beyond max_size are not deleted, they stay on the server" },
	{ FM_LMTP, ALWAYS, IMPORT_LOST, "lmtp: the server that mail went to is not carried over; " NEXTHOP },
	{ FM_MDA, ALWAYS, IMPORT_LOST, "mda: no program is run for a message; it is delivered into a Maildir below "
	    "settings.mail_root, or " NEXTHOP },
	{ FM_MIMEDECODE, ON, IMPORT_LOST, "mimedecode: messages are not changed, mail programs decode them" },
	{ FM_PASS8BITS, ON, IMPORT_NOTE, "pass8bits: octets go through as they are" },
	{ FM_PRECONNECT, ALWAYS, IMPORT_LOST, "preconnect: no command is run; a tunnel that it opened must be there by other "
	    "means" },
	{ FM_POSTCONNECT, ALWAYS, IMPORT_LOST, "postconnect: no command is run" },
	{ FM_PROPERTIES, ALWAYS, IMPORT_LOST, "properties: no column is for remarks" },
	{ FM_REWRITE, ON, IMPORT_LOST, "rewrite: messages are not changed, addresses without a domain stay so" },
	{ FM_SMTPADDRESS, DISTRIBUTED, IMPORT_LOST, "smtpaddress: recipients without a domain are completed with local_domain, "
	    "which names one of table domain" },
	{ FM_SMTPHOST, ALWAYS, IMPORT_LOST, "smtphost: the server that mail went to is not carried over; " NEXTHOP },
	{ FM_SMTPNAME, DISTRIBUTED, IMPORT_LOST, "smtpname: whom mail goes to is what its header says, accounts and table route" },
	{ FM_STRIPCR, ALWAYS, IMPORT_NOTE, "stripcr: line ends go to a next hop as CRLF, and into a Maildir as LF" },
	{ FM_WARNINGS, ALWAYS, IMPORT_NOTE, "warnings: the owner is told once of a message beyond max_size" },
};

/* Of settings for everything. */
static const struct {
	enum fm_option		 option;
	enum import_weight	 weight;
	const char		*text;
} all[] = {
	{ FM_SET_BOUNCEMAIL, IMPORT_NOTE, "set bouncemail: what is for nobody goes to the postmaster of settings.main_domain" },
	{ FM_SET_IDFILE, IMPORT_NOTE, "set idfile: that is the file of seen messages, in place of ~/.fetchids" },
	{ FM_SET_INVISIBLE, IMPORT_LOST, "set invisible: every message gets a Received field" },
	{ FM_SET_LOGFILE, IMPORT_LOST, "set logfile: rpopd logs to syslog" },
	{ FM_SET_PIDFILE, IMPORT_LOST, "set pidfile: rpopd needs none" },
	{ FM_SET_POSTMASTER, IMPORT_NOTE, "set postmaster: what is for nobody goes to the postmaster of settings.main_domain" },
	{ FM_SET_SHOWDOTS, IMPORT_LOST, "set showdots: rpopd has no progress dots" },
	{ FM_SET_SOFTBOUNCE, IMPORT_NOTE, "set softbounce: what a next hop refuses for good is reported or kept in quarantine" },
	{ FM_SET_SPAMBOUNCE, IMPORT_LOST, "set spambounce: what a next hop refuses for good is reported or kept in quarantine" },
	{ FM_SET_SYSLOG, IMPORT_NOTE, "set syslog: rpopd logs to syslog" },
	{ FM_PROPERTIES, IMPORT_LOST, "set properties: no setting is for remarks" },
};

static int
due(const struct fm_entry *e, const struct fm_value *v, enum when when)
{
	if (v->line == 0)
		return (0);
	switch (when) {
	case ALWAYS:
		return (1);
	case ON:
		return (v->number != 0);
	case OFF:
		return (v->number == 0);
	case DISTRIBUTED:
		return (fm_distributes(e));
	case ONE_OWNER:
		return (!fm_distributes(e));
	}
	return (0);
}

/* What an entry has from defaults is told once, about the file. */
void
fm_notes(struct fm_file *f, struct fm_entry *e, struct import_record *r)
{
	const struct fm_value	*v;
	size_t			 i;

	for (i = 0; i < nitems(notes); i++) {
		v = fm_get(e, notes[i].option);
		if (!due(e, v, notes[i].when) || (v->inherited && f->told[notes[i].option]))
			continue;
		import_note(f->lex.imp, v->inherited ? NULL : r, notes[i].weight, v->line, NULL, "%s", notes[i].text);
		if (v->inherited)
			f->told[notes[i].option] = 1;
	}
}

void
fm_notes_file(struct fm_file *f)
{
	struct import			*imp = f->lex.imp;
	const struct import_cell	*leave;
	size_t				 i, kept = 0;

	for (i = 0; i < nitems(all); i++)
		if (f->all[all[i].option].line != 0)
			import_note(imp, NULL, all[i].weight, f->all[all[i].option].line, NULL, "%s", all[i].text);
	if (imp->nrecords == 0)
		return;
	for (i = 0; i < imp->nrecords; i++)
		if ((leave = import_get(&imp->records[i], "leave")) != NULL && leave->value[0] == '1')
			kept++;
	if (kept > 0)
		import_note(imp, NULL, IMPORT_NOTE, 0, NULL, "%zu %s mail on the server: without fetchmail's file of seen "
		    "messages, ~/.fetchids or that of idfile, all of it is retrieved once more", kept,
		    kept == 1 ? "record leaves" : "records leave");
	if (f->all[FM_SET_DAEMON].line == 0 || f->all[FM_SET_DAEMON].number <= 0)
		import_note(imp, NULL, IMPORT_NOTE, f->all[FM_SET_DAEMON].line, NULL, "how often fetchmail is run is not in the "
		    "file; period is the default, 600 seconds");
	if (f->handed > 0)
		import_note(imp, NULL, IMPORT_NOTE, 0, NULL, "fetchmail hands mail to the mail server of this machine, and rpopd "
		    "delivers it into Maildirs below settings.mail_root; " NEXTHOP " as before");
}
